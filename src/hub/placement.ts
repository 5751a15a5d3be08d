import type { WorkerRecord, WorkspaceRecord } from '../store/rows.ts';
import type { WorkspaceStore } from '../store/placement/store.ts';
import { AppError } from '../errors/app-error.ts';
import type { Closer } from '../fabric/fabric.ts';
import { noWorker, noWorkerWith } from './errors.ts';
import type { Foundation } from './foundation.ts';
import { allTaken, type Patience, PlacementQueue } from './queue.ts';
import { hasLabels } from './queue-order.ts';
import { specOf } from './stored-spec.ts';
import type { WorkerBook } from './workers.ts';

type NewWorkspace = Parameters<WorkspaceStore['insert']>[0];
type Labels = Readonly<Record<string, string>>;
export type Unplaced = Omit<NewWorkspace, 'worker' | 'epoch'>;
export type Placed = { inserted: WorkspaceRecord } | { existing: WorkspaceRecord };

export interface Candidate {
  readonly worker: WorkerRecord;
  readonly freeSlots: number;
}

export interface Placing {
  readonly id: string;
  readonly caller: string;
  /** Which the worker must have. */
  readonly labels: Labels;
  /** Workers that could not be reached. */
  readonly refused: ReadonlySet<string>;
  /** Absent: nobody goes away while it waits. */
  readonly patience?: Patience;
  row(worker: WorkerRecord): Unplaced;
}

/** Chooses workers. A slot is taken by the row of the workspace, in the transaction that counts the others. */
export class Placement {
  readonly #foundation: Foundation;
  readonly #workers: WorkerBook;
  readonly #queue: PlacementQueue;
  /** One choice after the other, so that workspaces made at once are spread, not all put on the same worker. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(foundation: Foundation, workers: WorkerBook) {
    this.#foundation = foundation;
    this.#workers = workers;
    this.#queue = new PlacementQueue(foundation, () => this.#rooms());
    workers.onChange((_worker, change) => {
      if (change === 'joined') this.freed();
    });
    workers.onOffer(() => this.freed());
  }

  /** Hears of slots that become free at other hubs. */
  start(): Promise<Closer> {
    return this.#queue.start();
  }

  /** A slot may have become free. */
  freed(): void {
    this.#queue.nudge();
  }

  /** New workspaces that wait for a slot, at all hubs. */
  waiting(): Promise<number> {
    return this.#queue.length();
  }

  /** Who takes a workspace that has no files yet: its own worker, or when that is gone the best one. */
  async successor(workspace: WorkspaceRecord): Promise<WorkerRecord | undefined> {
    const candidates = await this.candidatesFor(workspace);
    const chosen = candidates.find(({ worker }) => worker.id === workspace.worker) ?? candidates[0];
    return chosen?.worker;
  }

  /** Those that have the labels which the workspace asks for, the best first. */
  async candidatesFor(workspace: WorkspaceRecord): Promise<Candidate[]> {
    const { labels } = specOf(workspace);
    return (await this.candidates()).filter(({ worker }) => hasLabels(worker.labels, labels));
  }

  /** Live workers that take new workspaces, by free slots; of equals, those that this hub has heard come first. */
  async candidates(): Promise<Candidate[]> {
    const live = await this.#workers.live();
    const used = await this.#foundation.store.workers.slotsUsed();
    return live
      .filter(worker => !worker.isDraining)
      .map(worker => ({ worker, freeSlots: worker.slots - (used.get(worker.id) ?? 0) }))
      .sort((a, b) => b.freeSlots - a.freeSlots || this.#hearing(b) - this.#hearing(a));
  }

  /**
   * Inserts the row at the best worker. Where all are full it waits in the line, if there is one. Throws NO_WORKER_AVAILABLE when no
   * live worker fits, CAPACITY_EXCEEDED when all that fit are full.
   */
  async insert(placing: Placing): Promise<Placed> {
    const { id, caller, labels, patience } = placing;
    if (!this.#queue.isOpen) return await this.#inOrder(placing);
    const attempt = () => this.#inOrder(placing).catch(undefinedIfFull);
    // Whoever comes later must not take what those in the line wait for.
    const made = (await this.#queue.length()) === 0 ? await attempt() : undefined;
    return made ?? (await this.#queue.inTurn({ id, caller, labels: { ...labels } }, attempt, patience));
  }

  #inOrder(placing: Placing): Promise<Placed> {
    const chosen = this.#last.then(() => this.#insert(placing));
    this.#last = chosen.catch(() => {});
    return chosen;
  }

  async #insert({ labels, refused, row }: Placing): Promise<Placed> {
    while (true) {
      const live = await this.candidates();
      const fitting = live.filter(({ worker }) => hasLabels(worker.labels, labels));
      const candidates = fitting.filter(({ worker }) => !refused.has(worker.id));
      if (live.length > 0 && fitting.length === 0) throw noWorkerWith(labels);
      if (candidates.length === 0) throw noWorker(refused.size > 0 ? 'not_connected' : 'none_live');
      const outcome = await this.#take(candidates, row);
      if (outcome === 'full') throw allTaken(candidates.reduce((sum, { worker }) => sum + worker.slots, 0));
      // Another hub has put one there meanwhile, so another worker may be the best by now.
      if (outcome !== 'stale') return outcome;
    }
  }

  async #take(candidates: readonly Candidate[], row: Placing['row']): Promise<Placed | 'full' | 'stale'> {
    for (const { worker, freeSlots } of candidates) {
      const { slots } = worker;
      const seen = slots - freeSlots;
      const placed = { ...row(worker), worker: worker.id, epoch: 1 };
      const perCaller = this.#foundation.limits.of(placed.caller)?.workspaces;
      const outcome = await this.#foundation.store.workspaces.insert(placed, { slots, seen, perCaller });
      if ('stale' in outcome) return 'stale';
      if (!('full' in outcome)) return outcome;
    }
    return 'full';
  }

  async #rooms() {
    const candidates = await this.candidates();
    return candidates.map(({ worker: { id, labels }, freeSlots }) => ({ worker: id, labels, freeSlots }));
  }

  /** Hubs share the fabric, so most can be reached that this one has not heard yet. */
  #hearing({ worker }: Candidate): number {
    return this.#workers.isHeard(worker.id) ? 1 : 0;
  }
}

/** Waiting helps nobody who has as many as it may. */
function undefinedIfFull(error: unknown): undefined {
  const isFull = error instanceof AppError && error.code === 'CAPACITY_EXCEEDED' && error.details.limit === undefined;
  if (!isFull) throw error;
}
