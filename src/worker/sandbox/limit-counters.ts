import type { Box, BoxStats } from './engine.ts';

type Counts = Pick<BoxStats, 'oomKills' | 'pidsRefused'>;

/**
 * Names the limit that a failed run ran into, by counters of the box that only rise. They are read after failed and
 * after long runs, so that what happened then is not blamed on a later one.
 */
export class LimitCounters {
  readonly #box: Pick<Box, 'stats'>;
  #seen: Counts = { oomKills: 0, pidsRefused: 0 };

  constructor(box: Pick<Box, 'stats'>) {
    this.#box = box;
  }

  /** What rose since it was last looked at. A fork bomb also takes memory, so of both the processes are the cause. */
  async hit(): Promise<'oom' | 'pids' | undefined> {
    const before = this.#seen;
    await this.#refresh();
    if (this.#seen.pidsRefused > before.pidsRefused) return 'pids';
    return this.#seen.oomKills > before.oomKills ? 'oom' : undefined;
  }

  /** A box that is gone has no counters; its exit tells the reason then. */
  async #refresh(): Promise<void> {
    try {
      const { oomKills, pidsRefused } = await this.#box.stats();
      this.#seen = { oomKills, pidsRefused };
    } catch {
      return;
    }
  }
}
