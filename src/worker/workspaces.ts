import { AppError } from '../errors/app-error.ts';
import { NotHere } from '../protocol/link.ts';
import type { WorkerReply, WorkerRequest } from '../protocol/messages.ts';
import type { EngineReport } from './sandbox/engine.ts';
import { HostedWorkspace } from './sandbox/hosted-workspace.ts';
import { checkLimits } from './sandbox/limits-check.ts';
import type { WorkspaceMeans } from './sandbox/workspace-means.ts';

type Hold = { readonly workspaceId: string; readonly epoch: number };

/** The workspaces that a worker holds, each at the epoch of its hold. */
export class Workspaces {
  readonly #means: WorkspaceMeans;
  readonly #engine: EngineReport;
  readonly #held = new Map<string, HostedWorkspace>();
  /** Opening and closing of one workspace happen one after another. */
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(means: WorkspaceMeans, engine: EngineReport) {
    this.#means = means;
    this.#engine = engine;
  }

  get size(): number {
    return this.#held.size;
  }

  get boxes(): number {
    let boxes = 0;
    for (const workspace of this.#held.values()) if (workspace.hasBox) boxes += 1;
    return boxes;
  }

  /** Commands that wait or run in all of them. */
  get active(): number {
    let active = 0;
    for (const workspace of this.#held.values()) active += workspace.active;
    return active;
  }

  /** Throws NotHere for a workspace that is not held, or is held at another epoch. */
  get({ workspaceId, epoch }: Hold): HostedWorkspace {
    const workspace = this.#held.get(workspaceId);
    if (workspace === undefined || workspace.epoch !== epoch) throw new NotHere();
    return workspace;
  }

  /**
   * Takes a workspace on; a repeat changes nothing. With a later epoch it is taken over from this worker's own earlier hold:
   * box and runs of that end, the files stay. Throws LIMIT_UNENFORCEABLE, and CAPABILITY_UNSUPPORTED without a working engine.
   */
  open(opening: WorkerRequest<'workspace.open'>): Promise<WorkerReply<'workspace.open'>> {
    return this.#oneAtATime(opening.workspaceId, async () => {
      const { name, works, remedy } = this.#engine;
      if (!works) throw new AppError('CAPABILITY_UNSUPPORTED', `engine ${name} does not work here`, { hint: remedy });
      const enforcement = checkLimits(opening.spec, this.#engine);
      const held = this.#held.get(opening.workspaceId);
      if (held !== undefined && held.epoch > opening.epoch) throw new NotHere();
      if (held?.epoch === opening.epoch) return { engine: name, enforcement };
      const workspace = await this.#take(opening, held);
      if (opening.restore !== undefined) {
        const { workspaceId, epoch, restore } = opening;
        await this.#fill(workspace, restore.manifest);
        const { generation } = workspace;
        const told = { workspaceId, epoch, checkpointId: restore.checkpointId, generation, engine: name, enforcement };
        this.#means.reports.send('workspace.recovered', told);
      }
      return { engine: name, enforcement };
    });
  }

  /** Ends all that runs and removes the files, also of a workspace that is not held (any more). */
  close({ workspaceId, epoch }: Hold): Promise<void> {
    return this.#oneAtATime(workspaceId, async () => {
      const held = this.#held.get(workspaceId);
      if (held !== undefined && held.epoch > epoch) throw new NotHere();
      this.#held.delete(workspaceId);
      await held?.cancelAll('the workspace was deleted');
      await this.#removeFiles(workspaceId);
    });
  }

  /** Holds the workspace no longer, if it still is what it was after `sequence`; its files stay until it is closed. */
  release({ sequence, ...hold }: Hold & { sequence: number }): Promise<boolean> {
    return this.#oneAtATime(hold.workspaceId, async () => {
      const held = this.get(hold);
      if (!held.isAsOf(sequence)) return false;
      // No await in between: from here on requests are told that it is not here.
      this.#held.delete(hold.workspaceId);
      await held.abandon();
      return true;
    });
  }

  /** Nothing in any of them moves while this holds. */
  async freezeAll(isFrozen: boolean): Promise<void> {
    await Promise.all([...this.#held.values()].map(workspace => workspace.freeze('silence', isFrozen)));
  }

  /** Ends boxes and runs, and forgets the workspaces; their files stay for whoever holds them next. */
  async abandonAll(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(held.map(workspace => workspace.abandon()));
    await Promise.allSettled(this.#changes.values());
  }

  async #take(opening: WorkerRequest<'workspace.open'>, held: HostedWorkspace | undefined): Promise<HostedWorkspace> {
    this.#held.delete(opening.workspaceId);
    await held?.abandon();
    // What an earlier, broken-off attempt under this id may have left is no part of a fresh workspace.
    if (opening.fresh && held === undefined) await this.#removeFiles(opening.workspaceId);
    const generation = Math.max(opening.generation, held?.generation ?? 0);
    const lastSequence = Math.max(opening.lastSequence, held?.lastSequence ?? 0);
    const contexts = await this.#means.contexts.load(opening.workspaceId);
    const workspace = new HostedWorkspace({ ...opening, generation, lastSequence }, this.#means, contexts);
    this.#held.set(opening.workspaceId, workspace);
    return workspace;
  }

  /** A workspace whose files are not whole is not held. */
  async #fill(workspace: HostedWorkspace, manifest: string): Promise<void> {
    try {
      await workspace.fill(manifest);
    } catch (error) {
      if (this.#held.get(workspace.id) === workspace) this.#held.delete(workspace.id);
      await workspace.abandon();
      throw error;
    }
  }

  async #removeFiles(workspaceId: string): Promise<void> {
    await this.#means.housing.remove(workspaceId);
    await this.#means.contexts.remove(workspaceId);
  }

  async #oneAtATime<Result>(workspaceId: string, change: () => Promise<Result>): Promise<Result> {
    const before = this.#changes.get(workspaceId) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(change);
    this.#changes.set(workspaceId, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(workspaceId) === mine) this.#changes.delete(workspaceId);
    }
  }
}
