import { AppError } from '../../errors/app-error.ts';

/** At most `requests` within any `perMs` milliseconds. */
export interface RateRule {
  readonly requests: number;
  readonly perMs: number;
}

/** A request's place in the budget: it is given back, once the window is over, after `settle` was called. */
export interface Place {
  settle(): void;
}

export interface TakeOptions {
  /** The windows the request counts in, the most specific last. A name without a rule has no limit. */
  readonly windows: readonly string[];
  /** How long to wait for a place, milliseconds. */
  readonly mostWaitMs: number;
  readonly signal: AbortSignal;
}

/** No place came free in time. `retryAfterMs` is when one will, as far as that is known. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the rate budget is used up');
    this.retryAfterMs = retryAfterMs;
  }
}

/** Who may send a request now. */
export interface Budget {
  /** Waits for a place. Rejects with BudgetSpent as soon as it is certain that none comes in time. */
  take(options: TakeOptions): Promise<Place>;
  /** Lets nothing of this window pass for so long: the other side has said that it has had enough. */
  pause(name: string, forMs: number): void;
}

interface Waiter {
  readonly windows: readonly Window[];
  readonly deadline: number;
  readonly grant: (place: Place) => void;
  readonly refuse: (error: Error) => void;
}

/**
 * Sliding windows of requests that are shared by all who use one token. A request counts from before it is sent until a whole window
 * after its answer has come: whenever within that time it has reached the other side, the other side never sees more than the rule.
 */
export class RateBudget implements Budget {
  readonly #windows = new Map<string, Window>();
  readonly #now: () => number;
  #waiting: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(rules: Readonly<Record<string, RateRule>>, { now = () => performance.now() } = {}) {
    this.#now = now;
    for (const [name, rule] of Object.entries(rules)) this.#windows.set(name, new Window(rule));
  }

  /** First come, first served. */
  take({ windows: names, mostWaitMs, signal }: TakeOptions): Promise<Place> {
    const windows = names.map(name => this.#windowOf(name));
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = () => {
        this.#waiting = this.#waiting.filter(other => other !== waiter);
        signal.removeEventListener('abort', abandon);
      };
      const abandon = () => {
        leave();
        reject(signal.reason);
        this.#pump();
      };
      const waiter: Waiter = {
        windows,
        deadline: this.#now() + mostWaitMs,
        grant: place => {
          leave();
          resolve(place);
        },
        refuse: error => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', abandon, { once: true });
      this.#waiting.push(waiter);
      this.#pump();
    });
  }

  pause(name: string, forMs: number): void {
    this.#windowOf(name).pauseUntil(this.#now() + forMs);
    this.#pump();
  }

  #windowOf(name: string): Window {
    const known = this.#windows.get(name);
    if (known) return known;
    const made = new Window({ requests: Number.POSITIVE_INFINITY, perMs: 0 });
    this.#windows.set(name, made);
    return made;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    const now = this.#now();
    let nextAt = Number.POSITIVE_INFINITY;
    for (const waiter of [...this.#waiting]) {
      const waits = waiter.windows.map(window => window.wait(now));
      const waitMs = Math.max(0, ...waits.map(wait => wait.leastMs));
      if (waitMs === 0 && waits.every(wait => wait.isOpen)) waiter.grant(this.#place(waiter.windows));
      else if (now + waitMs > waiter.deadline || now >= waiter.deadline)
        waiter.refuse(new BudgetSpent(Math.max(waitMs, ...waits.map(wait => wait.likelyMs))));
      else nextAt = Math.min(nextAt, waiter.deadline, waitMs > 0 ? now + waitMs : Number.POSITIVE_INFINITY);
    }
    if (nextAt === Number.POSITIVE_INFINITY) return;
    // Timers may fire a fraction of a millisecond early; one more lands behind the moment that is waited for.
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, nextAt - now) + 1);
  }

  #place(windows: readonly Window[]): Place {
    for (const window of windows) window.begin();
    let isSettled = false;
    return {
      settle: () => {
        if (isSettled) return;
        isSettled = true;
        for (const window of windows) window.end(this.#now());
        this.#pump();
      },
    };
  }
}

/** One rule, and what counts against it: requests that are under way, and the times at which others ended. */
class Window {
  readonly #rule: RateRule;
  #underWay = 0;
  #ended: number[] = [];
  #pausedUntil = 0;

  constructor(rule: RateRule) {
    if (!(rule.requests >= 1)) throw new AppError('INTERNAL_ERROR', 'a rate rule must allow a request');
    this.#rule = rule;
  }

  begin(): void {
    this.#underWay += 1;
  }

  end(now: number): void {
    this.#underWay -= 1;
    if (this.#rule.perMs > 0) this.#ended.push(now);
  }

  pauseUntil(at: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, at);
  }

  /** `leastMs`: no request may begin before. Not open with 0: a place is free only after one that is under way has ended. */
  wait(now: number): { isOpen: boolean; leastMs: number; likelyMs: number } {
    const { requests, perMs } = this.#rule;
    this.#ended = this.#ended.filter(at => at + perMs > now);
    const pausedMs = Math.max(0, this.#pausedUntil - now);
    const excess = this.#underWay + this.#ended.length - requests;
    if (excess < 0) return { isOpen: pausedMs === 0, leastMs: pausedMs, likelyMs: pausedMs };
    const freeing = this.#ended[excess];
    if (freeing === undefined) return { isOpen: false, leastMs: pausedMs, likelyMs: Math.max(pausedMs, perMs) };
    const leastMs = Math.max(pausedMs, freeing + perMs - now);
    return { isOpen: false, leastMs, likelyMs: leastMs };
  }
}
