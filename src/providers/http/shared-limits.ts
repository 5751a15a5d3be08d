import { createHash } from 'node:crypto';
import { CircuitBreaker } from './circuit-breaker.ts';
import { type Budget, RateBudget, type RateRule } from './rate-budget.ts';
import { type BudgetRecords, RecordedBudget } from './recorded-budget.ts';

/** What all clients of one origin and token keep together. */
export interface Limits {
  readonly budget: Budget;
  readonly breaker: CircuitBreaker;
}

export interface LimitRules {
  /** By name of the window that requests count in. */
  readonly windows: Readonly<Record<string, RateRule>>;
  readonly breaker: { readonly failures: number; readonly openMs: number };
}

/**
 * Limits by origin and token: a client that is made anew, as after a change of configuration, finds what was used up. With `records`
 * budgets are kept together with all other processes that have these; breakers are each process's own.
 */
export class SharedLimits {
  readonly #known = new Map<string, Limits>();
  readonly #records: BudgetRecords | undefined;

  constructor({ records }: { records?: BudgetRecords } = {}) {
    this.#records = records;
  }

  of({ origin, token, rules }: { origin: string; token: string; rules: LimitRules }): Limits {
    const key = createHash('sha256').update(`${origin}\n${token}`).digest('hex');
    const known = this.#known.get(key);
    if (known) return known;
    const limits = { budget: this.#budget(key, rules), breaker: new CircuitBreaker(rules.breaker) };
    this.#known.set(key, limits);
    return limits;
  }

  #budget(name: string, { windows }: LimitRules): Budget {
    const isCounted = Object.keys(windows).length > 0;
    if (this.#records === undefined || !isCounted) return new RateBudget(windows);
    return new RecordedBudget({ name, rules: windows, records: this.#records });
  }
}
