import type { EventRecord, JsonObject } from '../store/rows.ts';
import type { EventStore } from '../store/store.ts';
import type { Events } from './hub.ts';

/** Streams that only hubs write have one epoch. */
const HUB_EPOCH = 0;
const PAGE = 200;
/** Events of another process that shares the store wake nobody here, so a reader that waits looks this often. */
const LOOK_MS = 1_000;
const FOLLOW_MS = 30_000;

export interface NewEvent {
  readonly type: string;
  readonly body: JsonObject;
}

/** The log of streams: appended to by the hub, read with cursors, waiting where there is nothing yet. */
export class EventLog implements Events {
  readonly #store: EventStore;
  readonly #readers = new Map<string, Set<() => void>>();

  constructor(store: EventStore) {
    this.#store = store;
  }

  async append(stream: string, type: string, body: JsonObject): Promise<void> {
    await this.appendAll(stream, [{ type, body }]);
  }

  async appendAll(stream: string, events: readonly NewEvent[]): Promise<void> {
    const outcome = await this.#store.append({ stream, epoch: HUB_EPOCH, first: 'next', events });
    if (!('ack' in outcome)) throw new Error(`the stream ${stream} refused its hub: ${JSON.stringify(outcome)}`);
    this.wake(stream);
  }

  /** Something was appended to the stream past this log. */
  wake(stream: string): void {
    for (const wake of this.#readers.get(stream) ?? []) wake();
  }

  async read(
    stream: string,
    { after, limit, waitMs, signal }: { after: number; limit: number; waitMs: number; signal?: AbortSignal },
  ): Promise<EventRecord[]> {
    const deadline = performance.now() + waitMs;
    while (true) {
      signal?.throwIfAborted();
      // Listens before it looks, so that nothing appended in between is missed.
      const heard = this.#listen(stream);
      try {
        const events = await this.#store.read(stream, after, limit);
        const leftMs = deadline - performance.now();
        if (events.length > 0 || leftMs <= 0) return events;
        await heard.wait(Math.min(leftMs, LOOK_MS), signal);
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

  #listen(stream: string): { wait(ms: number, signal?: AbortSignal): Promise<void>; stop(): void } {
    const heard = Promise.withResolvers<void>();
    const readers = this.#readers.get(stream) ?? new Set();
    this.#readers.set(stream, readers.add(heard.resolve));
    return {
      async wait(ms, signal) {
        if (signal?.aborted) return;
        const wake = () => heard.resolve();
        const timer = setTimeout(wake, ms);
        signal?.addEventListener('abort', wake, { once: true });
        await heard.promise;
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
      },
      stop: () => {
        readers.delete(heard.resolve);
        if (readers.size === 0 && this.#readers.get(stream) === readers) this.#readers.delete(stream);
      },
    };
  }
}
