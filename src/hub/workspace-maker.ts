import { newId } from '../ids/ids.ts';
import type { WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import { type Holders, isUnreachable } from './holders.ts';
import type { Placement } from './placement.ts';
import { specAsJson } from './stored-spec.ts';
import type { UnplacedSpec } from './workspace-request.ts';

const CLOSE_TIMEOUT_MS = 60_000;

export interface Wanted {
  readonly caller: string;
  /** Absent: the workspace's id. */
  readonly name?: string;
  readonly spec: UnplacedSpec;
  readonly metadata: Record<string, string>;
  readonly ttlSeconds: number;
  /** The connection whose default workspace it is to be. */
  readonly connection: string | null;
}

interface Parts {
  readonly catalog: Catalog;
  readonly events: EventLog;
  readonly holders: Holders;
  readonly placement: Placement;
}

/** Makes workspaces: a row that takes a slot, then a worker that takes it on. A failure leaves neither. */
export class WorkspaceMaker {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Throws NO_WORKER_AVAILABLE, CAPACITY_EXCEEDED, and what the worker has against it. */
  async make(wanted: Wanted): Promise<WorkspaceRecord> {
    const refused = new Set<string>();
    while (true) {
      const id = newId('ws');
      const placed = await this.#parts.placement.insert(
        worker => ({
          id,
          caller: wanted.caller,
          name: wanted.name ?? id,
          state: 'creating',
          generation: 0,
          connection: wanted.connection,
          engine: '',
          image: null,
          spec: specAsJson({ ...wanted.spec, site: worker.site, enforcement: {} }),
          metadata: wanted.metadata,
          ttlSeconds: wanted.ttlSeconds,
        }),
        { refused },
      );
      if ('existing' in placed) return placed.existing;
      try {
        const opened = await this.#parts.holders.open(placed.inserted, { isFresh: true });
        await this.#parts.events.append(`workspace:${id}`, 'workspace.created', { workspace_id: id });
        return opened;
      } catch (error) {
        await this.#undo(placed.inserted);
        // A worker that another process joined has a lease but cannot be reached from here: the next one, then.
        if (!isUnreachable(error)) throw error;
        refused.add(placed.inserted.worker);
      }
    }
  }

  async #undo(workspace: WorkspaceRecord): Promise<void> {
    const { background, store, log } = this.#foundation;
    await store.workspaces.delete(workspace.id);
    this.#parts.catalog.forget(workspace.id);
    // It may have been opened although no answer came.
    background.run('close a workspace that was not made', async () => {
      const close = this.#parts.holders.send(workspace, 'workspace.close', hold => hold, {
        timeoutMs: CLOSE_TIMEOUT_MS,
      });
      await close.catch(error => log.debug({ err: error, workspace: workspace.id }, 'nothing was there to close'));
    });
  }
}
