import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { BudgetSpent, type Budget, type Place, type RateRule, type TakeOptions } from './rate-budget.ts';
import { unlessAborted } from './unless-aborted.ts';

interface NamedRule extends RateRule {
  readonly name: string;
}

/** Where places are written down that several processes share. */
export interface BudgetRecords {
  /** `waitMs` 0: taken; else none can be free before. Given up by itself after `holdMs`, when nobody settles it. */
  take(
    budget: string,
    windows: readonly NamedRule[],
    options: { readonly place: string; readonly holdMs: number },
  ): Promise<{ readonly waitMs: number }>;
  settle(place: string): Promise<void>;
  pause(budget: string, window: string, forMs: number): Promise<void>;
}

interface Options {
  /** Whose budget it is, the same in all processes. */
  readonly name: string;
  readonly rules: Readonly<Record<string, RateRule>>;
  readonly records: BudgetRecords;
}

/** No request takes longer. */
const LONGEST_REQUEST_MS = 120_000;

/**
 * The budget of one token, kept together by all processes that write into the same records. In each of them one request at a time asks
 * for a place, first come, first served; between processes whoever asks first when one is free has it.
 */
export class RecordedBudget implements Budget {
  readonly #options: Options;
  /** By window: the end of those that wait for a place. */
  readonly #lines = new Map<string, Promise<void>>();
  /** By window, on the clock of `performance`. */
  readonly #pausedUntil = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Waits for a place. Rejects with BudgetSpent as soon as it is certain that none comes in time, and as the records do. */
  async take({ windows, mostWaitMs, signal }: TakeOptions): Promise<Place> {
    const { records, rules } = this.#options;
    const counted = windows.flatMap(name => (rules[name] === undefined ? [] : [{ name, ...rules[name] }]));
    const until = performance.now() + mostWaitMs;
    const place = randomUUID();
    await this.#inLine(windows.at(-1) ?? '', signal, async () => {
      for (;;) {
        const waitMs = await this.#tryOnce(counted, place);
        if (waitMs === 0) return;
        if (performance.now() + waitMs > until) throw new BudgetSpent(waitMs);
        await delay(waitMs, undefined, { signal });
      }
    });
    // A place that cannot be settled is given up after a while.
    return { settle: () => void records.settle(place).catch(() => {}) };
  }

  pause(name: string, forMs: number): void {
    const { records, name: budget } = this.#options;
    this.#pausedUntil.set(name, Math.max(this.#pausedUntil.get(name) ?? 0, performance.now() + forMs));
    // Others who do not hear of it are told by the service.
    records.pause(budget, name, forMs).catch(() => {});
  }

  /** 0: the place is taken; else how long to wait at least. */
  async #tryOnce(rules: readonly NamedRule[], place: string): Promise<number> {
    const { records, name: budget } = this.#options;
    const pauses = rules.map(({ name }) => (this.#pausedUntil.get(name) ?? 0) - performance.now());
    const pausedMs = Math.max(0, ...pauses);
    if (pausedMs > 0) return Math.ceil(pausedMs);
    const holdMs = LONGEST_REQUEST_MS + Math.max(0, ...rules.map(({ perMs }) => perMs));
    return (await records.take(budget, rules, { place, holdMs })).waitMs;
  }

  async #inLine(line: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const before = this.#lines.get(line) ?? Promise.resolve();
    const turn = Promise.withResolvers<void>();
    const end = before.then(() => turn.promise);
    this.#lines.set(line, end);
    try {
      await unlessAborted(before, signal);
      await work();
    } finally {
      turn.resolve();
      if (this.#lines.get(line) === end) this.#lines.delete(line);
    }
  }
}
