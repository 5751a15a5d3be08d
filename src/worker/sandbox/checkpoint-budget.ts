import { setTimeout as delay } from 'node:timers/promises';

/** What may be taken at once after a quiet time. */
const MOST_SAVED_MS = 10_000;

/**
 * How much of a worker's time goes into checkpoints that nobody asked for: one after another, and on average no more than a share of
 * the time. Hashing and upload are in it, so it bounds processor, disk and network alike.
 */
export class CheckpointBudget {
  readonly #share: number;
  readonly #now: () => number;
  #saved = MOST_SAVED_MS;
  #at: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ share, now = () => performance.now() }: { share: number; now?: () => number }) {
    this.#share = share;
    this.#now = now;
    this.#at = now();
  }

  /** Does the work when it is its turn and there is time for it. Rejects with the signal's reason while it waits. */
  async spend<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const mine = this.#last.then(() => this.#spend(work, signal));
    this.#last = mine.catch(() => {});
    return await mine;
  }

  /** Milliseconds until there is time again; 0 when there is. */
  waitMs(): number {
    const now = this.#now();
    this.#saved = Math.min(MOST_SAVED_MS, this.#saved + (now - this.#at) * this.#share);
    this.#at = now;
    return this.#saved > 0 ? 0 : -this.#saved / this.#share;
  }

  async #spend<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let waitMs = this.waitMs(); waitMs > 0; waitMs = this.waitMs()) {
      await delay(Math.ceil(waitMs), undefined, { signal, ref: false });
    }
    signal.throwIfAborted();
    const start = this.#now();
    try {
      return await work();
    } finally {
      this.waitMs();
      this.#saved -= this.#now() - start;
    }
  }
}
