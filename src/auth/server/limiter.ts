/** So many within a minute, at this hub; those are given back evenly. */
export class Limiter {
  readonly #perMinute: number;
  readonly #now: () => number;
  #left: number;
  #at: number;

  /** `now`: milliseconds. */
  constructor(perMinute: number, now: () => number = Date.now) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#left = perMinute;
    this.#at = now();
  }

  /** Whether there is room for one more, which is taken. */
  take(): boolean {
    const now = this.#now();
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#at) / 60_000) * this.#perMinute);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
