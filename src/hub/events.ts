import type { EventRecord, JsonObject } from '../store/rows.ts';
import type { EventStore } from '../store/events/store.ts';
import { addGauge } from '../telemetry/metrics.ts';
import type { Foundation } from './foundation.ts';
import type { Events, Peers } from './hub.ts';
import { Nudges } from './nudges.ts';
import { putLast } from './put-last.ts';

/** Streams that only hubs write have one epoch. */
const HUB_EPOCH = 0;
const PAGE = 200;
const FOLLOW_MS = 30_000;

export interface NewEvent {
  readonly type: string;
  readonly body: JsonObject;
}

/** `added`: what was appended, where that is at hand. */
type Wake = (added: readonly EventRecord[]) => void;

/** The log of streams: appended to by the hub, read with cursors, waiting where there is nothing yet. */
export class EventLog implements Events {
  readonly #store: EventStore;
  readonly #lookMs: number;
  readonly #nudges: Nudges;
  readonly #readers = new Map<string, Set<Wake>>();
  readonly #ends = new KnownEnds();

  constructor(foundation: Foundation, peers: Peers) {
    this.#store = foundation.store.events;
    this.#lookMs = foundation.timing.lookMs;
    this.#nudges = new Nudges(foundation, { peers, heard: stream => this.#wake(stream) });
    addGauge('boxswain_event_readers', 'Readers that wait for events', () => this.#waiting());
  }

  async append(stream: string, type: string, body: JsonObject): Promise<void> {
    await this.appendAll(stream, [{ type, body }]);
  }

  async appendAll(stream: string, events: readonly NewEvent[]): Promise<void> {
    const outcome = await this.#store.append({ stream, epoch: HUB_EPOCH, first: 'next', events });
    if (!('ack' in outcome)) throw new Error(`the stream ${stream} refused its hub: ${JSON.stringify(outcome)}`);
    this.wake(stream);
  }

  /**
   * Something was appended to the stream past this log. Readers here and at other hubs look at once; those here who have read all before
   * get what was `added`, as it would be read.
   */
  wake(stream: string, added: readonly EventRecord[] = []): void {
    this.#wake(stream, added);
    this.#nudges.tell(stream);
  }

  /** Somebody here waits for what comes, or did a moment ago. */
  isFollowed(stream: string): boolean {
    return this.#readers.has(stream) || this.#ends.has(stream);
  }

  async read(
    stream: string,
    { after, limit, waitMs, signal }: { after: number; limit: number; waitMs: number; signal?: AbortSignal },
  ): Promise<EventRecord[]> {
    const deadline = performance.now() + waitMs;
    // Whoever comes back for more has seen the end already. What another hub adds is heard of, or found by the look after the wait.
    let isAtEnd = waitMs > 0 && this.#ends.isEnd(stream, after);
    while (true) {
      signal?.throwIfAborted();
      // Listens before it looks, so that nothing appended in between is missed.
      const heard = this.#listen(stream);
      try {
        const events = isAtEnd ? [] : await this.#look(stream, after, limit);
        isAtEnd = false;
        const leftMs = deadline - performance.now();
        if (events.length > 0 || leftMs <= 0) return events;
        const added = await heard.wait(Math.min(leftMs, this.#lookMs), signal);
        if (added[0]?.seq === after + 1) return added.slice(0, limit);
      } finally {
        heard.stop();
      }
    }
  }

  async *follow(stream: string, { after, signal }: { after: number; signal: AbortSignal }): AsyncIterable<EventRecord> {
    let cursor = after;
    while (!signal.aborted) {
      let events: EventRecord[];
      try {
        events = await this.read(stream, { after: cursor, limit: PAGE, waitMs: FOLLOW_MS, signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        cursor = event.seq;
      }
    }
  }

  async #look(stream: string, after: number, limit: number): Promise<EventRecord[]> {
    const look = this.#ends.looking(stream);
    const events = await this.#store.read(stream, after, limit);
    if (events.length < limit) look.found(events.at(-1)?.seq ?? after);
    return events;
  }

  #wake(stream: string, added: readonly EventRecord[] = []): void {
    this.#ends.added(stream, added);
    for (const wake of this.#readers.get(stream) ?? []) wake(added);
  }

  #waiting(): number {
    return [...this.#readers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  #listen(stream: string): { wait(ms: number, signal?: AbortSignal): Promise<readonly EventRecord[]>; stop(): void } {
    const heard = Promise.withResolvers<readonly EventRecord[]>();
    const readers = this.#readers.get(stream) ?? new Set();
    this.#readers.set(stream, readers.add(heard.resolve));
    return {
      async wait(ms, signal) {
        if (signal?.aborted) return [];
        const wake = () => heard.resolve([]);
        const timer = setTimeout(wake, ms);
        signal?.addEventListener('abort', wake, { once: true });
        const added = await heard.promise;
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        return added;
      },
      stop: () => {
        readers.delete(heard.resolve);
        if (readers.size === 0 && this.#readers.get(stream) === readers) this.#readers.delete(stream);
      },
    };
  }
}

/** Streams of which the end is remembered. */
const ENDS_KEPT = 500;

/** Where streams end that were read to their end and of which all that came since was seen: not looked for again. */
class KnownEnds {
  readonly #ends = new Map<string, { readonly seq: number | undefined }>();

  has(stream: string): boolean {
    return this.#ends.has(stream);
  }

  isEnd(stream: string, seq: number): boolean {
    return this.#ends.get(stream)?.seq === seq;
  }

  /** Before a look: what it finds counts unless something is added meanwhile. */
  looking(stream: string): { found(end: number): void } {
    const before = { seq: undefined };
    this.#put(stream, before);
    return {
      found: seq => {
        if (this.#ends.get(stream) === before) this.#put(stream, { seq });
      },
    };
  }

  added(stream: string, events: readonly EventRecord[]): void {
    const end = this.#ends.get(stream);
    if (end === undefined) return;
    const last = events.at(-1);
    if (last !== undefined && end.seq !== undefined && events[0]?.seq === end.seq + 1)
      this.#put(stream, { seq: last.seq });
    else this.#ends.delete(stream);
  }

  #put(stream: string, end: { readonly seq: number | undefined }): void {
    putLast(this.#ends, [stream, end], ENDS_KEPT);
  }
}
