import type { JsonObject, TaskRecord, WorkspaceRecord } from '../store/rows.ts';
import type { HubRequest } from '../protocol/messages.ts';
import type { Catalog } from './catalog.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import { specAsJson, specOf } from './stored-spec.ts';
import type { WorkerBook } from './workers.ts';

/** Each restores files over the network; more at once would make all of them slow. */
const AT_ONCE = 8;
/** Looked at for what was lost; the event names no more. */
const TASKS_LOOKED_AT = 200;

interface Parts {
  readonly catalog: Catalog;
  readonly events: EventLog;
  readonly holders: Holders;
  readonly workers: WorkerBook;
}

/**
 * Workspaces whose worker was lost. The hub that sees the loss gives those with a checkpoint to other workers at once, so that the
 * next call need not wait for it; the others are found a holder when somebody asks for them.
 */
export class LostWorkspaces {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    parts.workers.onChange(({ id }, change) => {
      if (change === 'lost') foundation.background.run('recover workspaces', () => this.recover(id));
    });
  }

  async recover(worker: string): Promise<void> {
    const waiting = await this.#foundation.store.workspaces.heldBy(worker);
    const next = async (): Promise<void> => {
      for (let workspace = waiting.shift(); workspace; workspace = waiting.shift()) await this.#recover(workspace);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  /** A worker has put the files in. Told until it is acknowledged, so a repeat finds that it is known. */
  async filled(from: string, { workspaceId: id, epoch, ...said }: HubRequest<'workspace.recovered'>): Promise<void> {
    const { store } = this.#foundation;
    const workspace = await store.workspaces.get(id);
    if (workspace === undefined || workspace.worker !== from || workspace.epoch !== epoch) return;
    const spec = specOf(workspace);
    if (spec.filling?.checkpointId !== said.checkpointId) return;
    const type = spec.filling.isMove ? 'workspace.moved' : 'workspace.recovered';
    await this.#parts.events.append(`workspace:${id}`, type, await this.#account(workspace));
    const patch = {
      engine: said.engine,
      spec: specAsJson({ ...spec, enforcement: said.enforcement, filling: null }),
      generation: Math.max(said.generation, workspace.generation),
    };
    if (await store.workspaces.update(id, { worker: from, epoch }, patch)) {
      this.#parts.catalog.remember({ ...workspace, ...patch });
    }
  }

  async #recover(workspace: WorkspaceRecord): Promise<void> {
    try {
      await this.#parts.holders.recover(workspace);
    } catch (error) {
      // The next call for it tries again, and is told why it fails.
      this.#foundation.log.warn(
        { err: error, workspace: workspace.id },
        'a workspace of a lost worker was not recovered',
      );
    }
  }

  /** What came back and what did not, as far as the records tell. */
  async #account(workspace: WorkspaceRecord): Promise<JsonObject> {
    const { id, epoch, caller } = workspace;
    const { filling } = specOf(workspace);
    const { store } = this.#foundation;
    const checkpoint = await store.checkpoints.get(filling?.checkpointId ?? '');
    const common = {
      workspace_id: id,
      from_epoch: filling?.fromEpoch ?? epoch - 1,
      to_epoch: epoch,
      checkpoint_id: filling?.checkpointId ?? '',
      checkpoint_at: checkpoint ? new Date(checkpoint.createdAt).toISOString() : null,
    };
    if (filling?.isMove === true) return common;
    const after = checkpoint?.sequence ?? 0;
    const { rows } = await store.tasks.list({ caller, workspaceId: id, limit: TASKS_LOOKED_AT });
    const lost = rows.filter(task => mayHaveChanged(task) && (task.sequence ?? 0) > after);
    return {
      ...common,
      // Whatever was written or run after this is not in the files any more.
      lost_since: common.checkpoint_at,
      lost_after_sequence: after,
      last_activity_at: new Date(workspace.lastActivityAt).toISOString(),
      lost_tasks: lost.map(({ id: task_id, operation, sequence, status }) => ({
        task_id,
        operation,
        sequence,
        status,
      })),
    };
  }
}

/** What has not started is placed again, and a checkpoint changes no file. */
const mayHaveChanged = ({ startedAt, operation }: TaskRecord): boolean =>
  startedAt !== null && operation !== 'workspace_checkpoint';
