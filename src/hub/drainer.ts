import type { WorkerRecord, WorkspaceRecord } from '../store/rows.ts';
import type { CheckpointDesk } from './checkpoints.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Ledger } from './ledger.ts';
import type { Placement } from './placement.ts';
import { specOf } from './stored-spec.ts';
import type { WorkerBook } from './workers.ts';

/** Workspaces that move at a time. */
const MOVES = 4;
const INSPECT_TIMEOUT_MS = 10_000;

interface Parts {
  readonly checkpoints: CheckpointDesk;
  readonly holders: Holders;
  readonly ledger: Ledger;
  readonly placement: Placement;
  readonly workers: WorkerBook;
}

/**
 * Empties workers that are drained: once its runs have finished, each workspace is checkpointed and moved to a worker with a
 * free slot. Where there is none it stays, and is looked at again. Of several hubs one empties a worker, and another goes on when
 * that is lost.
 */
export class Drainer {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  #moving: Promise<void> | undefined;
  #mustLookAgain = false;
  /** Slots that workspaces on their way are about to take. */
  readonly #promised = new Map<string, number>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    background.every(timing.sweepMs, 'drain workers', () => this.moveAll());
    parts.workers.onOffer(() => background.run('drain workers', () => this.moveAll()));
  }

  /** Asked again meanwhile, it looks once more afterwards. */
  moveAll(): Promise<void> {
    this.#mustLookAgain = true;
    this.#moving ??= this.#moveUntilQuiet().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #moveUntilQuiet(): Promise<void> {
    while (this.#mustLookAgain && !this.#foundation.background.signal.aborted) {
      this.#mustLookAgain = false;
      await this.#moveAll();
    }
  }

  async #moveAll(): Promise<void> {
    const { store, id } = this.#foundation;
    for (const worker of await this.#parts.workers.live()) {
      // Only a hub that reaches the worker can take checkpoints there.
      if (!worker.isDraining || !this.#parts.workers.isHeard(worker.id)) continue;
      if (!(await store.workers.takeDrain(worker.id, id))) continue;
      const left = await store.workspaces.heldBy(worker.id);
      const mover = async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) await this.#moveOne(next);
      };
      await Promise.all(Array.from({ length: MOVES }, mover));
    }
  }

  async #moveOne(workspace: WorkspaceRecord): Promise<void> {
    const { log } = this.#foundation;
    if (workspace.state === 'creating' || (await this.#isBusy(workspace))) return;
    const target = await this.#targetFor(workspace);
    if (target === undefined) return;
    this.#promise(target.id, 1);
    try {
      await this.#move(workspace, target);
    } catch (error) {
      log.warn({ err: error, workspace: workspace.id }, 'a workspace could not be moved');
    } finally {
      this.#promise(target.id, -1);
    }
  }

  async #move(workspace: WorkspaceRecord, target: WorkerRecord): Promise<void> {
    const { checkpoints, holders, ledger } = this.#parts;
    // No await between this look and the move, which lets no further request through.
    if (ledger.active(workspace.id) > 0 || holders.underWay(workspace.id) > 0) return;
    if (!(await holders.move(workspace, target, now => checkpoints.saveHeld(now)))) return;
    this.#foundation.log.info({ workspace: workspace.id, from: workspace.worker, to: target.id }, 'workspace moved');
  }

  /** By the word of its worker, which knows what other hubs have given it to do. */
  async #isBusy(workspace: WorkspaceRecord): Promise<boolean> {
    try {
      const options = { timeoutMs: INSPECT_TIMEOUT_MS };
      // One that was given up and not taken on, as by a hub that was lost on the way, is opened again where it is.
      const look = this.#parts.holders.ask(
        workspace,
        'workspace.inspect',
        hold => ({ ...hold, withUsage: false }),
        options,
      );
      return (await look).activeTasks > 0;
    } catch (error) {
      this.#foundation.log.debug(
        { err: error, workspace: workspace.id },
        'a workspace that is to move does not answer',
      );
      return true;
    }
  }

  /** Not one that has the same files already: there is nothing to move between two workers of one directory. */
  async #targetFor(workspace: WorkspaceRecord): Promise<WorkerRecord | undefined> {
    const { placement, workers } = this.#parts;
    const { site } = specOf(workspace);
    const candidates = await placement.candidatesFor(workspace);
    const fitting = candidates
      .map(({ worker, freeSlots }) => ({ worker, freeSlots: freeSlots - (this.#promised.get(worker.id) ?? 0) }))
      .filter(({ worker, freeSlots }) => freeSlots > 0 && worker.site !== site && workers.isHeard(worker.id));
    return fitting.sort((a, b) => b.freeSlots - a.freeSlots)[0]?.worker;
  }

  #promise(worker: string, by: 1 | -1): void {
    this.#promised.set(worker, (this.#promised.get(worker) ?? 0) + by);
  }
}
