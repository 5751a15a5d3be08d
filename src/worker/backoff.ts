import { setTimeout as delay } from 'node:timers/promises';

/** Waits between attempts: doubling from `firstMs` to `mostMs`, each ±25 % so that many workers do not knock at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #attempt = 0;

  constructor({ firstMs, mostMs }: { firstMs: number; mostMs: number }) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  /** Rejects with the signal's reason when it is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const steadyMs = Math.min(this.#mostMs, this.#firstMs * 2 ** this.#attempt);
    this.#attempt += 1;
    await delay(steadyMs * (0.75 + Math.random() / 2), undefined, { signal, ref: false });
  }
}
