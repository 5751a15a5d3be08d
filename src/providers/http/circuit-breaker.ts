/** What is known of the way to a service. Times are epoch milliseconds. */
export interface CircuitStatus {
  /** `open`: calls fail at once; `trying`: one call is let through to see whether the service is back. */
  readonly state: 'closed' | 'open' | 'trying';
  readonly failures: number;
  readonly lastFailure: { readonly at: number; readonly reason: string } | null;
  readonly lastSuccessAt: number | null;
  /** When the next call is let through, while open. */
  readonly retryAt: number | null;
}

export interface CircuitOptions {
  /** Calls that must fail one after another. */
  readonly failures: number;
  readonly openMs: number;
  readonly now?: () => number;
}

/** How an admitted call ended. `abandoned`: its caller went away, which says nothing. */
export type CallEnd =
  | { readonly kind: 'answered' }
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Spares callers the wait for a service that is not there. A call is what its caller sees, with all its retries. */
export class CircuitBreaker {
  readonly #options: CircuitOptions;
  readonly #now: () => number;
  #failures = 0;
  #lastFailure: { at: number; reason: string } | null = null;
  #lastSuccessAt: number | null = null;
  #retryAt: number | null = null;
  #isTrying = false;

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  status(): CircuitStatus {
    const isOpen = this.#retryAt !== null;
    return {
      state: this.#isTrying ? 'trying' : isOpen ? 'open' : 'closed',
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      lastSuccessAt: this.#lastSuccessAt,
      retryAt: this.#retryAt,
    };
  }

  /** Lets a call through, whose end must be reported once; or says why not. */
  admit(): { admitted: true; report: (end: CallEnd) => void } | { admitted: false; reason: string; retryMs: number } {
    if (this.#retryAt === null) return { admitted: true, report: end => this.#ended(end) };
    const retryMs = Math.max(0, this.#retryAt - this.#now());
    if (retryMs > 0 || this.#isTrying)
      return { admitted: false, reason: this.#lastFailure?.reason ?? 'no answer', retryMs };
    this.#isTrying = true;
    return {
      admitted: true,
      report: end => {
        this.#isTrying = false;
        this.#ended(end);
      },
    };
  }

  #ended(end: CallEnd): void {
    if (end.kind === 'abandoned') return;
    if (end.kind === 'answered') {
      this.#failures = 0;
      this.#retryAt = null;
      this.#lastSuccessAt = this.#now();
      return;
    }
    this.#failures += 1;
    this.#lastFailure = { at: this.#now(), reason: end.reason };
    if (this.#failures >= this.#options.failures) this.#retryAt = this.#now() + this.#options.openMs;
  }
}
