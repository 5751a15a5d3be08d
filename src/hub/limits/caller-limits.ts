import type { Caller } from '../../auth/caller.ts';
import { localCaller } from '../../auth/caller.ts';
import type { LimitsConfig } from '../../config/limits.ts';
import { AppError } from '../../errors/app-error.ts';
import { overLimit } from '../../store/quota.ts';
import type { Store } from '../../store/store.ts';

export type Limits = Omit<LimitsConfig, 'callers'>;

/** Callers that are remembered; of those who do nothing now the ones that were quiet longest are forgotten first. */
const MOST_KNOWN = 10_000;
const MINUTE_MS = 60_000;
/** How old a sum of bytes may be that decides whether a run may leave more. */
const SUM_MS = 5_000;

interface Known {
  /** Calls that are left. They come back evenly, up to those of a minute. */
  left: number;
  at: number;
  running: number;
  bytes?: { readonly sum: number; readonly at: number };
}

const NOTHING = (): void => {};

/** What each caller may have and do. The local caller has no limits, and costs nothing here. */
export class CallerLimits {
  readonly #config: LimitsConfig;
  readonly #store: Pick<Store, 'usedBytes'>;
  readonly #clock: () => number;
  readonly #known = new Map<string, Known>();

  /** `clock` gives milliseconds. */
  constructor(config: LimitsConfig, store: Pick<Store, 'usedBytes'>, clock: () => number = () => performance.now()) {
    this.#config = config;
    this.#store = store;
    this.#clock = clock;
  }

  /** Undefined: none. */
  of(caller: string): Limits | undefined {
    if (caller === localCaller.id) return undefined;
    const { callers, ...usual } = this.#config;
    const own = Object.hasOwn(callers, caller) ? callers[caller] : undefined;
    return own === undefined ? usual : { ...usual, ...definedOf(own) };
  }

  /**
   * A call begins; to be told when it has ended. Throws RATE_LIMITED when the caller has made too many, or too many are under way. Counts
   * at this hub only.
   */
  enter({ id }: Pick<Caller, 'id'>): () => void {
    const limits = this.of(id);
    if (limits === undefined) return NOTHING;
    const { calls_per_minute: perMinute, concurrent_calls: most } = limits;
    const known = this.#of(id, perMinute);
    if (known.running >= most) throw rateLimited(`${most} calls are under way, which is your limit`, 1);
    if (known.left < 1) {
      const seconds = Math.max(1, Math.ceil(((1 - known.left) * 60) / perMinute));
      throw rateLimited(`you have made ${perMinute} calls within a minute, which is your limit`, seconds);
    }
    known.left -= 1;
    known.running += 1;
    let isOver = false;
    return () => {
      if (!isOver) known.running -= 1;
      isOver = true;
    };
  }

  /** Throws CAPACITY_EXCEEDED for a caller whose files take up all that they may; what is known may be some seconds old. */
  async requireRoom(caller: string): Promise<void> {
    const limits = this.of(caller);
    if (limits === undefined) return;
    const known = this.#of(caller, limits.calls_per_minute);
    const now = this.#clock();
    if (known.bytes === undefined || now - known.bytes.at > SUM_MS)
      known.bytes = { sum: await this.#store.usedBytes(caller), at: now };
    if (known.bytes.sum >= limits.bytes) throw overLimit('bytes', limits.bytes);
  }

  #of(caller: string, perMinute: number): Known {
    const now = this.#clock();
    const known = this.#known.get(caller) ?? { left: perMinute, at: now, running: 0 };
    known.left = Math.min(perMinute, known.left + ((now - known.at) * perMinute) / MINUTE_MS);
    known.at = now;
    this.#known.delete(caller);
    this.#known.set(caller, known);
    if (this.#known.size > MOST_KNOWN) this.#forget();
    return known;
  }

  /** One that has been quiet for a minute has all its calls again anyway. */
  #forget(): void {
    for (const [caller, { running }] of this.#known) {
      if (running > 0) continue;
      this.#known.delete(caller);
      return;
    }
  }
}

const rateLimited = (message: string, seconds: number): AppError =>
  new AppError('RATE_LIMITED', message, {
    hint: `wait ${seconds} s, then call again; the operator sets limits.calls_per_minute and limits.concurrent_calls`,
    details: { retry_after_seconds: seconds },
  });

function definedOf(own: Partial<Limits>): Partial<Limits> {
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}
