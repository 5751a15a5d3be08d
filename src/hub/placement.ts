import { AppError } from '../errors/app-error.ts';
import type { WorkerRecord, WorkspaceRecord } from '../store/rows.ts';
import type { WorkspaceStore } from '../store/store.ts';
import { noWorker } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { WorkerBook } from './workers.ts';

const RETRY_AFTER_SECONDS = 5;

type NewWorkspace = Parameters<WorkspaceStore['insert']>[0];
export type Unplaced = Omit<NewWorkspace, 'worker' | 'epoch'>;

export interface Candidate {
  readonly worker: WorkerRecord;
  readonly freeSlots: number;
}

/** Chooses workers. A slot is taken by the row of the workspace, in the transaction that counts the others. */
export class Placement {
  readonly #foundation: Foundation;
  readonly #workers: WorkerBook;
  /** One choice after the other, so that workspaces made at once are spread, not all put on the same worker. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(foundation: Foundation, workers: WorkerBook) {
    this.#foundation = foundation;
    this.#workers = workers;
  }

  /** Who takes a workspace that has no files yet: its own worker, or when that is gone the best one. */
  async successor({ worker: former }: WorkspaceRecord): Promise<WorkerRecord | undefined> {
    const candidates = await this.candidates();
    const chosen = candidates.find(({ worker }) => worker.id === former) ?? candidates[0];
    return chosen?.worker;
  }

  /** Live workers that take new workspaces: reachable ones first, then by free slots. */
  async candidates(): Promise<Candidate[]> {
    const live = await this.#workers.live();
    const used = await this.#foundation.store.workers.slotsUsed();
    return live
      .filter(worker => !worker.isDraining)
      .map(worker => ({ worker, freeSlots: worker.slots - (used.get(worker.id) ?? 0) }))
      .sort((a, b) => this.#rank(b) - this.#rank(a) || b.freeSlots - a.freeSlots);
  }

  /**
   * Inserts the row at the best worker that is not in `refused`. Throws NO_WORKER_AVAILABLE when there is none, and
   * CAPACITY_EXCEEDED when all are full.
   */
  insert(
    workspace: (worker: WorkerRecord) => Unplaced,
    { refused }: { refused: ReadonlySet<string> },
  ): Promise<{ inserted: WorkspaceRecord } | { existing: WorkspaceRecord }> {
    const chosen = this.#last.then(() => this.#insert(workspace, refused));
    this.#last = chosen.catch(() => {});
    return chosen;
  }

  async #insert(workspace: (worker: WorkerRecord) => Unplaced, refused: ReadonlySet<string>) {
    const candidates = (await this.candidates()).filter(({ worker }) => !refused.has(worker.id));
    if (candidates.length === 0) throw noWorker(refused.size > 0 ? 'not_connected' : 'none_live');
    for (const { worker } of candidates) {
      const row = { ...workspace(worker), worker: worker.id, epoch: 1 };
      const outcome = await this.#foundation.store.workspaces.insert(row, { slots: worker.slots });
      if (!('full' in outcome)) return outcome;
    }
    const slots = candidates.reduce((sum, { worker }) => sum + worker.slots, 0);
    throw new AppError('CAPACITY_EXCEEDED', `all ${slots} workspace slots are taken`, {
      details: { slots, retry_after_seconds: RETRY_AFTER_SECONDS },
    });
  }

  #rank({ worker, freeSlots }: Candidate): number {
    return (freeSlots > 0 ? 2 : 0) + (this.#workers.isHeard(worker.id) ? 1 : 0);
  }
}
