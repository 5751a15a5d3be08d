import type { WorkspaceRecord } from '../store/rows.ts';
import type { CheckpointDesk } from './checkpoints.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Ledger } from './ledger.ts';
import type { Placement } from './placement.ts';
import type { WorkerBook } from './workers.ts';

interface Parts {
  readonly checkpoints: CheckpointDesk;
  readonly holders: Holders;
  readonly ledger: Ledger;
  readonly placement: Placement;
  readonly workers: WorkerBook;
}

/**
 * Empties workers that are drained: once its runs have finished, each workspace is checkpointed and moved to a worker with a
 * free slot. Where there is none it stays, and is looked at again.
 */
export class Drainer {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    background.every(timing.sweepMs, 'drain workers', () => this.moveAll());
  }

  async moveAll(): Promise<void> {
    const { store } = this.#foundation;
    for (const worker of await this.#parts.workers.live()) {
      // Only a hub that reaches the worker can take checkpoints there.
      if (!worker.isDraining || !this.#parts.workers.isHeard(worker.id)) continue;
      for (const workspace of await store.workspaces.heldBy(worker.id)) await this.#move(workspace);
    }
  }

  async #move(workspace: WorkspaceRecord): Promise<void> {
    const { checkpoints, holders, ledger, placement, workers } = this.#parts;
    const candidates = await placement.candidates();
    const target = candidates.find(({ worker, freeSlots }) => freeSlots > 0 && workers.isHeard(worker.id));
    // No await between this look and the move, which lets no further request through.
    const isIdle = ledger.active(workspace.id) === 0 && holders.underWay(workspace.id) === 0;
    if (target === undefined || !isIdle || workspace.state === 'creating') return;
    try {
      await holders.move(workspace, target.worker, now => checkpoints.saveHeld(now));
    } catch (error) {
      this.#foundation.log.warn({ err: error, workspace: workspace.id }, 'a workspace could not be moved');
    }
  }
}
