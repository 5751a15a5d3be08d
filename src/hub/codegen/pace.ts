interface PaceOptions {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Requests a second, in the long run. */
  readonly perSecond: number;
  readonly now?: () => number;
}

/** How soon the next look may come, so that looks never take more than their share of a service's rate budget. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #now: () => number;
  #of: object | undefined;
  #left: number;
  #at: number;

  constructor({ now = () => performance.now(), ...options }: PaceOptions) {
    this.#options = { ...options };
    this.#now = now;
    this.#left = options.burst;
    this.#at = now();
  }

  /** So many requests were made of this client; nothing of the share of another one is used up yet. */
  took(count: number, { of }: { of: object }): void {
    this.#refill();
    if (of !== this.#of) this.#left = this.#options.burst;
    this.#of = of;
    this.#left -= count;
  }

  /** Milliseconds until there is room for a request. */
  waitMs(): number {
    this.#refill();
    return this.#left >= 1 ? 0 : ((1 - this.#left) / this.#options.perSecond) * 1000;
  }

  #refill(): void {
    const { burst, perSecond } = this.#options;
    const now = this.#now();
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
  }
}
