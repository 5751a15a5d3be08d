/** A look at the store that is late by this share of the lease may have been held up by it. */
const BREAK_SHARE = 0.5;
const LEAST_BREAK_MS = 1_000;

/**
 * Decides which leases may be ended. While the store is away nobody can renew one, so when it returns everyone gets a whole lease
 * to do so. All times are milliseconds by the database's clock.
 */
export class LeaseWatch {
  readonly #leaseMs: number;
  readonly #breakMs: number;
  /** Since when the store has answered without a break. */
  #since = 0;
  #last: number | undefined;

  constructor({ leaseMs }: { leaseMs: number }) {
    this.#leaseMs = leaseMs;
    this.#breakMs = Math.max(leaseMs * BREAK_SHARE, LEAST_BREAK_MS);
  }

  /**
   * The store has answered and says that it is `now`. Answers the time of the look before, as of which leases may be ended; undefined
   * while the store has not been there for a whole lease.
   */
  look(now: number): number | undefined {
    const before = this.#last;
    this.#last = now;
    if (before === undefined || now < before || now - before > this.#breakMs) this.#since = now;
    return before !== undefined && now - this.#since >= this.#leaseMs ? before : undefined;
  }

  /** The store did not answer. */
  missed(): void {
    this.#last = undefined;
  }
}
