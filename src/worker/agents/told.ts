import type { Log } from '../../log/log.ts';
import type { SessionTold } from '../../protocol/session-messages.ts';
import { Backoff } from '../backoff.ts';

/** Events of one message to a hub; what an agent says in a moment goes together. */
const MOST_EVENTS = 200;
const MOST_CHARACTERS = 150_000;
/** What an agent streams is told so often at most: each telling is written down, and wakes whoever follows. */
const REST_MS = 10;
/** What waits while no hub answers; beyond it the agent is paused by not being read. */
const MOST_WAITING = 64 * 1024 * 1024;

export interface ToldOptions {
  readonly sessionId: string;
  readonly epoch: number;
  readonly log: Log;
  /** Rejects when no hub answered. */
  tell(told: SessionTold): Promise<{ isFenced: boolean; expected: number }>;
  /** Somebody else drives the session by now: what is told here is nobody's any more. */
  fenced(): void;
}

type Happening = Omit<SessionTold, 'sessionId' | 'epoch' | 'first' | 'events'> & {
  readonly event: SessionTold['events'][number];
};
export type Told = Pick<Happening, 'event'> & Partial<Happening>;

/**
 * Tells hubs what happens in a session: in order, in batches, each again until one has answered. A batch that a hub has written
 * already does no harm. Words that follow others soon are gathered for a moment; what somebody waits for is told at once.
 */
export class ToldQueue {
  readonly #options: ToldOptions;
  #waiting: { told: Happening; size: number }[] = [];
  #size = 0;
  #next = 1;
  #sending: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #isHurried = false;
  /** On the clock of `performance`. */
  #restsUntil = Number.NEGATIVE_INFINITY;
  #resting: PromiseWithResolvers<void> | undefined;
  #listening: { readonly upTo: number; heard(): void }[] = [];
  readonly #closed = new AbortController();

  constructor(options: ToldOptions) {
    this.#options = options;
  }

  add({ event, patch = {}, asked = [], settled = [], ended = [] }: Told): void {
    if (this.#closed.signal.aborted) return;
    const told = { event, patch, asked, settled, ended };
    const size = JSON.stringify(told).length;
    this.#waiting.push({ told, size });
    this.#size += size;
    if (this.#isPressing) this.#endRest();
    this.#sending ??= this.#send();
  }

  /** What was added is told at once, however soon it follows what was told last. */
  hurry(): void {
    this.#isHurried = true;
    this.#endRest();
  }

  /** Settles when there is room for more. */
  async room(): Promise<void> {
    if (this.#size < MOST_WAITING || this.#closed.signal.aborted) return;
    this.#room ??= Promise.withResolvers<void>();
    await this.#room.promise;
  }

  /** Settles when what was added so far is told, whatever comes after it, or nobody wants to hear it any more. */
  async heard(): Promise<void> {
    if (this.#waiting.length === 0 || this.#closed.signal.aborted) return;
    const upTo = this.#next + this.#waiting.length;
    const { promise, resolve: heard } = Promise.withResolvers<void>();
    this.#listening.push({ upTo, heard });
    this.#endRest();
    await promise;
  }

  /** Settles when all is told, or nobody wants to hear it any more. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) {
      await this.heard();
      await this.#sending;
    }
  }

  close(): void {
    this.#closed.abort(new Error('the session is closed'));
    this.#endRest();
    this.#waiting = [];
    this.#size = 0;
    this.#room?.resolve();
    for (const { heard } of this.#listening.splice(0)) heard();
  }

  async #send(): Promise<void> {
    const backoff = new Backoff({ firstMs: 50, mostMs: 2_000 });
    const { signal } = this.#closed;
    // What came in one piece from the agent goes together.
    await new Promise<void>(resolve => process.nextTick(resolve));
    while (this.#waiting.length > 0 && !signal.aborted) {
      await this.#rested();
      if (signal.aborted) break;
      this.#isHurried = false;
      const batch = this.#batch();
      try {
        const { isFenced, expected } = await this.#options.tell(batch);
        // Whoever follows the session here gets it first.
        await new Promise(resolve => setImmediate(resolve));
        if (isFenced) {
          this.close();
          this.#options.fenced();
          break;
        }
        this.#drop(expected - this.#next);
        this.#restsUntil = performance.now() + REST_MS;
      } catch (error) {
        this.#options.log.debug({ err: error }, 'no hub has heard yet what happens in a session');
        await backoff.wait(signal).catch(() => {});
      }
    }
    this.#sending = undefined;
  }

  /** Settles when the time after the last telling is over, or nobody should wait for that. */
  async #rested(): Promise<void> {
    const leftMs = this.#restsUntil - performance.now();
    if (leftMs <= 0 || this.#isPressing) return;
    this.#resting = Promise.withResolvers<void>();
    const end = setTimeout(this.#resting.resolve, leftMs).unref();
    await this.#resting.promise;
    clearTimeout(end);
    this.#resting = undefined;
  }

  #endRest(): void {
    this.#restsUntil = Number.NEGATIVE_INFINITY;
    this.#resting?.resolve();
  }

  /** Somebody waits for what is to be told, or it is a whole batch already. */
  get #isPressing(): boolean {
    if (this.#isHurried || this.#listening.length > 0) return true;
    if (this.#waiting.length >= MOST_EVENTS || this.#size >= MOST_CHARACTERS) return true;
    return this.#waiting.some(
      ({ told: { asked, settled, ended } }) => asked.length > 0 || settled.length > 0 || ended.length > 0,
    );
  }

  #batch(): SessionTold {
    const { sessionId, epoch } = this.#options;
    let characters = 0;
    const taken = this.#waiting.slice(0, MOST_EVENTS).filter(({ size }, at) => {
      characters += size;
      return at === 0 || characters <= MOST_CHARACTERS;
    });
    const all = taken.map(({ told }) => told);
    return {
      sessionId,
      epoch,
      first: this.#next,
      events: all.map(({ event }) => event),
      patch: Object.assign({}, ...all.map(({ patch }) => patch)),
      asked: all.flatMap(({ asked }) => asked),
      settled: all.flatMap(({ settled }) => settled),
      ended: all.flatMap(({ ended }) => ended),
    };
  }

  #drop(count: number): void {
    const gone = this.#waiting.splice(0, Math.max(0, count));
    this.#next += gone.length;
    for (const { size } of gone) this.#size -= size;
    for (const { heard } of this.#listening.filter(({ upTo }) => upTo <= this.#next)) heard();
    this.#listening = this.#listening.filter(({ upTo }) => upTo > this.#next);
    if (this.#size >= MOST_WAITING) return;
    this.#room?.resolve();
    this.#room = undefined;
  }
}
