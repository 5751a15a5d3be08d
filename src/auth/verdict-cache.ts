import { hash } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { Verdict } from './verdict.ts';

/** A token that was revoked is believed so long at most. With the look at open streams, it stays within a minute. */
const GOOD_MS = 30_000;
/** Long enough for a client that tries again and again, short enough for a token that is good in a moment. */
const REFUSED_MS = 2_000;
const MOST_GOOD = 10_000;
const MOST_REFUSED = 1_000;
/** Tokens being judged at a time: an issuer is not asked for every one that somebody makes up. */
const MOST_PENDING = 256;

interface Kept {
  readonly verdict: Verdict;
  readonly until: number;
}

/** Verdicts by the hash of their token, so that the same one is not judged for every request; never longer than the token is good. */
export class VerdictCache {
  readonly #now: () => number;
  readonly #good = new Map<string, Kept>();
  readonly #refused = new Map<string, Kept>();
  readonly #pending = new Map<string, Promise<Verdict>>();
  /** Counts how often something was revoked. */
  #turn = 0;

  /** `now`: epoch milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** At once where the token was judged lately. Requests that come while it is judged share that. Throws what `judge` throws. */
  get(token: string, judge: () => Promise<Verdict>): Verdict | Promise<Verdict> {
    const key = hash('sha256', token, 'base64url');
    const kept = this.#good.get(key) ?? this.#refused.get(key);
    if (kept !== undefined && kept.until > this.#now()) return kept.verdict;
    const pending = this.#pending.get(key);
    if (pending) return pending;
    if (this.#pending.size >= MOST_PENDING) throw tooMany();
    const turn = this.#turn;
    const judged = judge()
      // What was asked before something was revoked may have been answered before, too: it serves those who wait, and nobody else.
      .then(verdict => (turn === this.#turn ? this.#keep(key, verdict) : verdict))
      .finally(() => {
        if (this.#pending.get(key) === judged) this.#pending.delete(key);
      });
    this.#pending.set(key, judged);
    return judged;
  }

  /** Requests with tokens that stand on this are judged anew, whatever was known or is being asked; undefined: with any. */
  forget(standsOn?: string): void {
    this.#turn += 1;
    this.#pending.clear();
    if (standsOn === undefined) {
      this.#good.clear();
      this.#refused.clear();
      return;
    }
    for (const [key, { verdict }] of this.#good) {
      if ('caller' in verdict && verdict.standsOn === standsOn) this.#good.delete(key);
    }
  }

  #keep(key: string, verdict: Verdict): Verdict {
    const isGood = 'caller' in verdict;
    const now = this.#now();
    const until = isGood ? Math.min(now + GOOD_MS, verdict.expiresAt ?? Number.POSITIVE_INFINITY) : now + REFUSED_MS;
    this.#good.delete(key);
    this.#refused.delete(key);
    const [map, most] = isGood ? [this.#good, MOST_GOOD] : [this.#refused, MOST_REFUSED];
    map.set(key, { verdict, until });
    const [oldest] = map.keys();
    if (map.size > most && oldest !== undefined) map.delete(oldest);
    return verdict;
  }
}

const tooMany = (): AppError =>
  new AppError('SERVICE_UNAVAILABLE', 'too many unknown tokens are being checked at this moment', {
    details: { retry_after_seconds: 1 },
  });
