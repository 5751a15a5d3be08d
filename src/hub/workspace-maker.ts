import type { CallIds } from '../ids/call-ids.ts';
import { newId } from '../ids/ids.ts';
import type { WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import { isUnreachable, workspaceNotFound } from './errors.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Placed, Placement } from './placement.ts';
import type { Patience } from './queue.ts';
import { specAsJson, specOf } from './stored-spec.ts';
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
  /** Of a call with an idempotency key: the workspace that an earlier attempt has made is answered, or finished. */
  readonly ids?: CallIds;
  /** Of the call that wants it: it may have to wait for a slot. */
  readonly patience?: Patience;
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
    const id = wanted.ids?.handle('ws') ?? newId('ws');
    const refused = new Set<string>();
    let left = wanted.ids && (await this.#foundation.store.workspaces.get(id));
    while (true) {
      const placed = (left && (await this.#takeOver(left))) ?? (await this.#insert(wanted, { id, refused }));
      left = undefined;
      if ('existing' in placed) return placed.existing;
      try {
        const opened = await this.#parts.holders.open(placed.inserted, { isFresh: true });
        await this.#parts.events.append(`workspace:${id}`, 'workspace.created', { workspace_id: id });
        return opened;
      } catch (error) {
        // A worker that another process joined has a lease but cannot be reached from here: the next one, then.
        await this.#undo(placed.inserted, { mayBeOpen: !isUnreachable(error) });
        if (!isUnreachable(error)) throw error;
        refused.add(placed.inserted.worker);
      }
    }
  }

  #insert(wanted: Wanted, { id, refused }: { id: string; refused: ReadonlySet<string> }): Promise<Placed> {
    const { caller, spec, patience } = wanted;
    return this.#parts.placement.insert({
      id,
      caller,
      labels: spec.labels,
      refused,
      patience,
      row: worker => ({
        id,
        caller,
        name: wanted.name ?? id,
        state: 'creating',
        generation: 0,
        connection: wanted.connection,
        engine: '',
        image: null,
        spec: specAsJson({ ...spec, site: worker.site, enforcement: {}, filling: null }),
        metadata: wanted.metadata,
        ttlSeconds: wanted.ttlSeconds,
      }),
    });
  }

  /**
   * What an attempt that did not end has left: a workspace, or only its row. That keeps its slot and gets a later epoch, so that
   * nothing of that attempt counts any more; without a worker for it, it goes.
   */
  async #takeOver(left: WorkspaceRecord): Promise<Placed | undefined> {
    if (left.state !== 'creating') return { existing: left };
    const { catalog, placement } = this.#parts;
    const worker = await placement.successor(left);
    if (worker === undefined) {
      await this.#undo(left, { mayBeOpen: true });
      return undefined;
    }
    const claimed = await this.#foundation.store.workspaces.claim(left.id, left, { worker: worker.id });
    if (claimed) return { inserted: { ...claimed, spec: specAsJson({ ...specOf(claimed), site: worker.site }) } };
    const existing = await catalog.refresh(left.id);
    if (existing === undefined) throw workspaceNotFound(left.id);
    return { existing };
  }

  async #undo(workspace: WorkspaceRecord, { mayBeOpen }: { mayBeOpen: boolean }): Promise<void> {
    const { background, store, log } = this.#foundation;
    // A later epoch is that of another attempt at the same call, which has taken it over.
    const isOurs = await store.workspaces.delete(workspace.id, workspace);
    this.#parts.catalog.forget(workspace.id);
    if (isOurs) this.#parts.placement.freed();
    if (!isOurs || !mayBeOpen) return;
    // It may have been opened although no answer came.
    background.run('close a workspace that was not made', async () => {
      const close = this.#parts.holders.send(workspace, 'workspace.close', hold => hold, {
        timeoutMs: CLOSE_TIMEOUT_MS,
      });
      await close.catch(error => log.debug({ err: error, workspace: workspace.id }, 'nothing was there to close'));
    });
  }
}
