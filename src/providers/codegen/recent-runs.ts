import type { CodegenClient, CodegenPage, CodegenRun } from './codegen-client.ts';
import { runStateOf } from './run-state.ts';

const PAGE = 100;
/** As many as are looked at in all. */
const MOST = 1000;
const RECENT_MS = 24 * 3600_000;
/** How often all runs are looked at, and not only those that were of interest before: an old one may have been resumed. */
const ALL_EVERY_MS = 300_000;

interface Depth {
  /** How many of the newest runs hold all that are of interest. */
  readonly runs: number;
  readonly total: number;
  readonly allReadAt: number;
}

/**
 * The runs that are of interest: those that go on, and those of the last day. They are ordered by when they were made, so they lie at
 * the front; reading no further spares the rate budget.
 */
export class RecentRuns {
  readonly #now: () => number;
  #depth: Depth | undefined;

  constructor({ now = Date.now }: { now?: (() => number) | undefined } = {}) {
    this.#now = now;
  }

  async read(
    client: CodegenClient,
    { includeEnded, signal }: { includeEnded: boolean; signal: AbortSignal },
  ): Promise<CodegenRun[]> {
    const first = await client.listRuns({ skip: 0, limit: PAGE }, { signal });
    const readsAll = includeEnded || this.#mustReadAll();
    const wanted = readsAll ? first.total : this.#wanted(first);
    const skips = Array.from(
      { length: Math.ceil(Math.min(wanted, first.total, MOST) / PAGE) },
      (_, at) => at * PAGE,
    ).slice(1);
    const others = await Promise.all(skips.map(skip => client.listRuns({ skip, limit: PAGE }, { signal })));
    // A run that was made meanwhile moves others to the next page.
    const runs = [...new Map([first, ...others].flatMap(({ items }) => items).map(run => [run.id, run])).values()];
    const runsOfInterest = runs.findLastIndex(run => this.#isOfInterest(run)) + 1;
    const allReadAt = readsAll ? this.#now() : (this.#depth?.allReadAt ?? this.#now());
    this.#depth = { runs: runsOfInterest, total: first.total, allReadAt };
    return includeEnded ? runs : runs.filter(run => this.#isOfInterest(run));
  }

  #mustReadAll(): boolean {
    return this.#depth === undefined || this.#now() - this.#depth.allReadAt >= ALL_EVERY_MS;
  }

  /** What was of interest, and what was made since. */
  #wanted({ total }: CodegenPage<CodegenRun>): number {
    const known = this.#depth ?? { runs: 0, total: 0 };
    return known.runs + Math.max(0, total - known.total);
  }

  #isOfInterest({ status, createdAt }: CodegenRun): boolean {
    const madeAt = Date.parse(createdAt ?? '');
    return runStateOf(status) === 'active' || Number.isNaN(madeAt) || this.#now() - madeAt < RECENT_MS;
  }
}
