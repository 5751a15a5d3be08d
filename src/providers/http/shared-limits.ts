import { createHash } from 'node:crypto';
import { CircuitBreaker } from './circuit-breaker.ts';
import { RateBudget, type RateRule } from './rate-budget.ts';

/** What all clients of one origin and token keep together. */
export interface Limits {
  readonly budget: RateBudget;
  readonly breaker: CircuitBreaker;
}

export interface LimitRules {
  /** By name of the window that requests count in. */
  readonly windows: Readonly<Record<string, RateRule>>;
  readonly breaker: { readonly failures: number; readonly openMs: number };
}

/** The limits of a process, by origin and token: a client that is made anew, as after a change of configuration, finds what was used up. */
export class SharedLimits {
  readonly #known = new Map<string, Limits>();

  of({ origin, token, rules }: { origin: string; token: string; rules: LimitRules }): Limits {
    const key = createHash('sha256').update(`${origin}\n${token}`).digest('hex');
    const known = this.#known.get(key);
    if (known) return known;
    const limits = { budget: new RateBudget(rules.windows), breaker: new CircuitBreaker(rules.breaker) };
    this.#known.set(key, limits);
    return limits;
  }
}
