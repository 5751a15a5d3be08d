import type { Caller } from '../auth/caller.ts';
import { newId } from '../ids/ids.ts';
import { checkpointOutputSchema } from '../protocol/jobs.ts';
import type { CheckpointRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import type { Deletion } from './deletion.ts';
import { checkpointNotFound, workspaceNotFound } from './errors.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Call, Checkpoints, WorkspaceView } from './hub.ts';
import type { RunDesk } from './runs.ts';
import type { Sharing } from './sharing/sharing.ts';
import { specAsJson, specOf } from './stored-spec.ts';
import type { WorkspaceMaker } from './workspace-maker.ts';
import type { WorkspaceViews } from './workspace-views.ts';

const MAX_NAME_CHARACTERS = 63;
/** Of which the later ones are used when the contents of the first are damaged. */
const RECOVERY_POINTS = 3;

interface Parts {
  readonly catalog: Catalog;
  readonly deletion: Deletion;
  readonly events: EventLog;
  readonly maker: WorkspaceMaker;
  readonly runs: RunDesk;
  readonly sharing: Sharing;
  readonly views: WorkspaceViews;
}

type Waiting = Pick<Call, 'turn' | 'signal' | 'report' | 'ids'>;
const arrived = Promise.resolve();
const noTurn = { reached: () => arrived, done: () => {} };

/** Saved states of workspaces. Taking and restoring one are jobs in the workspace's line. */
export class CheckpointDesk implements Checkpoints {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #running = new Map<string, number>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  isRunning(workspaceId: string): boolean {
    return this.#running.has(workspaceId);
  }

  async create(workspace: WorkspaceRecord, { name }: { name?: string }, call: Waiting): Promise<CheckpointRecord> {
    this.#count(workspace.id, 1);
    try {
      return await this.#create(workspace, { name }, call);
    } finally {
      this.#count(workspace.id, -1);
    }
  }

  async restore(
    checkpointId: string,
    { workspaceId }: { workspaceId?: string },
    call: Waiting & { readonly caller: Caller },
  ): Promise<WorkspaceView> {
    const checkpoint = await this.#foundation.store.checkpoints.get(checkpointId);
    const isFor = checkpoint !== undefined && (await this.#isFor(checkpoint, call.caller));
    if (!isFor) throw checkpointNotFound(checkpointId);
    if (workspaceId === undefined) {
      const ttlSeconds = this.#foundation.config.sandbox.default_ttl_seconds;
      return await this.#parts.views.view(await this.#restoreAnew(checkpoint, { ttlSeconds }, call));
    }
    const workspace = await this.#parts.catalog.read(workspaceId, call.caller);
    return await this.#parts.views.view(await this.#restoreInto(workspace, checkpoint, call));
  }

  async fork(
    workspace: WorkspaceRecord,
    { count, name }: { count: number; name?: string },
    call: Waiting & { readonly caller: Caller },
  ): Promise<WorkspaceView[]> {
    const { deletion, views } = this.#parts;
    const checkpoint = await this.create(workspace, {}, call);
    const partOf = (index: number) => ({ ...call, ids: call.ids?.part(`copy ${index}`) });
    const { ttlSeconds } = workspace;
    const outcomes = await Promise.allSettled(
      Array.from({ length: count }, (_, index) =>
        this.#restoreAnew(checkpoint, { ttlSeconds, name: nameOfFork(name, { index, count }) }, partOf(index)),
      ),
    );
    const made = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const failed = outcomes.find(outcome => outcome.status === 'rejected');
    if (failed === undefined) return await Promise.all(made.map(record => views.view(record)));
    // All or none: a caller who is told of a failure must find nothing to clean up.
    await Promise.all(made.map(record => deletion.remove(record)));
    throw failed.reason;
  }

  /** What to recover the workspace from, the newest first: also those that its worker took by itself. */
  recoveryPoints(workspaceId: string): Promise<CheckpointRecord[]> {
    return this.#foundation.store.checkpoints.list(workspaceId, RECOVERY_POINTS, { withAutomatic: true });
  }

  /** A checkpoint of a workspace that is about to move; only the worker that the record names is asked. */
  saveHeld(workspace: WorkspaceRecord): Promise<CheckpointRecord> {
    const call = { turn: noTurn, signal: this.#foundation.background.signal, report: () => {} };
    return this.#create(workspace, { isHeld: true }, call);
  }

  async #create(
    workspace: WorkspaceRecord,
    { name, isHeld = false }: { name?: string; isHeld?: boolean },
    call: Waiting,
  ): Promise<CheckpointRecord> {
    const { store, config, limits } = this.#foundation;
    if (!isHeld) await limits.requireRoom(workspace.caller);
    const id = call.ids?.handle('cp') ?? newId('cp');
    const taken = call.ids && (await store.checkpoints.get(id));
    if (taken) return taken;
    const [parent] = await this.recoveryPoints(workspace.id);
    const job = { kind: 'checkpoint', parent: parent?.manifest ?? null } as const;
    const outcome = await this.#parts.runs.toEnd({ workspace, job, operation: 'workspace_checkpoint', isHeld }, call);
    const { end, sequence } = outcome;
    const output = checkpointOutputSchema.parse(end.kind === 'completed' ? end.output : undefined);
    const now = (await this.#parts.catalog.refresh(workspace.id)) ?? workspace;
    const checkpoint = await store.checkpoints.insert(
      {
        id,
        caller: workspace.caller,
        workspaceId: workspace.id,
        name: name ?? id,
        ...output,
        spec: now.spec,
        metadata: now.metadata,
        parentId: parent?.id ?? null,
        isAutomatic: false,
        sequence,
      },
      { keep: config.sandbox.checkpoints.keep },
    );
    await this.#announce(workspace.id, 'checkpoint.created', { checkpoint_id: id });
    return checkpoint;
  }

  async #restoreAnew(
    checkpoint: CheckpointRecord,
    { ttlSeconds, name }: { ttlSeconds: number; name?: string },
    call: Waiting & { readonly caller: Caller },
  ): Promise<WorkspaceRecord> {
    const { ids } = call;
    const { site: _site, enforcement: _enforcement, filling: _filling, ...spec } = specOf(checkpoint);
    const { metadata } = checkpoint;
    call.signal.throwIfAborted();
    const made = await this.#parts.maker.make({
      // Who copies something that is shared has the copy.
      caller: call.caller.id,
      name,
      spec,
      metadata,
      ttlSeconds,
      connection: null,
      ids,
      patience: call,
    });
    // The new workspace has a line of its own, in which this is the first.
    const first = { turn: noTurn, signal: call.signal, report: call.report, ids };
    try {
      return await this.#restoreInto(made, checkpoint, first);
    } catch (error) {
      await this.#parts.deletion.remove(made);
      throw error;
    }
  }

  async #restoreInto(
    workspace: WorkspaceRecord,
    checkpoint: CheckpointRecord,
    call: Waiting,
  ): Promise<WorkspaceRecord> {
    const { catalog, runs } = this.#parts;
    const { env } = specOf(checkpoint);
    const job = { kind: 'restore', manifest: checkpoint.manifest, env } as const;
    const outcome = await runs.toEnd({ workspace, job, operation: 'workspace_restore' }, call);
    const now = (await catalog.refresh(workspace.id)) ?? workspace;
    await this.#foundation.store.workspaces.update(workspace.id, now, {
      spec: specAsJson({ ...specOf(now), env }),
      metadata: checkpoint.metadata,
      generation: Math.max(now.generation, outcome.generation),
    });
    await this.#announce(workspace.id, 'workspace.restored', { checkpoint_id: checkpoint.id });
    const restored = await catalog.refresh(workspace.id);
    if (restored === undefined) throw workspaceNotFound(workspace.id);
    return restored;
  }

  /** A checkpoint is used by whoever may use its workspace. */
  async #isFor({ workspaceId: id, caller: owner }: CheckpointRecord, caller: Caller): Promise<boolean> {
    return await this.#parts.sharing.mayUseWorkspace({ id, caller: owner }, caller);
  }

  #announce(workspaceId: string, type: string, body: { checkpoint_id: string }): Promise<void> {
    return this.#parts.events.append(`workspace:${workspaceId}`, type, { workspace_id: workspaceId, ...body });
  }

  #count(workspaceId: string, by: 1 | -1): void {
    const count = (this.#running.get(workspaceId) ?? 0) + by;
    if (count > 0) this.#running.set(workspaceId, count);
    else this.#running.delete(workspaceId);
  }
}

/** Names of several forks differ by their number, and stay within what a name may be. */
function nameOfFork(name: string | undefined, { index, count }: { index: number; count: number }): string | undefined {
  if (name === undefined || count === 1) return name;
  const suffix = `-${index + 1}`;
  return name.slice(0, MAX_NAME_CHARACTERS - suffix.length) + suffix;
}
