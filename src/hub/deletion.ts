import type { WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Placement } from './placement.ts';
import type { TaskDesk } from './tasks.ts';

const CLOSE_TIMEOUT_MS = 60_000;

interface Parts {
  readonly catalog: Catalog;
  readonly events: EventLog;
  readonly holders: Holders;
  readonly placement: Placement;
  readonly tasks: TaskDesk;
}

/** Ends workspaces, in whatever state they are. */
export class Deletion {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #running = new Map<string, Promise<void>>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Settles when tasks, box, files and row are gone; asked twice, both wait for the same. */
  remove(workspace: WorkspaceRecord): Promise<void> {
    const running = this.#running.get(workspace.id);
    if (running !== undefined) return running;
    const removing = this.#remove(workspace).finally(() => this.#running.delete(workspace.id));
    this.#running.set(workspace.id, removing);
    return removing;
  }

  async #remove(workspace: WorkspaceRecord): Promise<void> {
    const { id } = workspace;
    const { catalog, events, tasks } = this.#parts;
    const settle = catalog.leave(id);
    const { workspaces } = this.#foundation.store;
    try {
      // Other hubs know by that; one of them goes on with it when this one is lost.
      await workspaces.update(id, 'any', { state: 'draining' });
      await tasks.cancelAll(id, 'the workspace was deleted');
      await this.#close(workspace);
      const isMine = await workspaces.delete(id);
      this.#parts.placement.freed();
      if (isMine) await events.append(`workspace:${id}`, 'workspace.deleted', { workspace_id: id });
    } finally {
      settle();
    }
    // One that was accepted just before nobody could see the workspace any more.
    await tasks.cancelAll(id, 'the workspace was deleted');
  }

  /** A worker that cannot be reached keeps nobody from deleting; what it holds is removed when it comes back. */
  async #close(workspace: WorkspaceRecord): Promise<void> {
    const options = { timeoutMs: CLOSE_TIMEOUT_MS, isEnding: true };
    try {
      await this.#parts.holders.ask(workspace, 'workspace.close', hold => hold, options);
    } catch (error) {
      this.#foundation.log.warn({ err: error, workspace: workspace.id }, 'a deleted workspace was not closed');
    }
  }
}
