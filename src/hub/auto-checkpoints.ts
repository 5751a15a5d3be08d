import type { HubRequest } from '../protocol/messages.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';

/** One to recover from, and the one before it for the case that its contents are damaged. */
const KEEP = 2;

/** Records what workers checkpoint by themselves. These never push out a checkpoint that a caller asked for. */
export class AutoCheckpoints {
  readonly #foundation: Foundation;
  readonly #events: EventLog;

  constructor(foundation: Foundation, events: EventLog) {
    this.#foundation = foundation;
    this.#events = events;
  }

  /** False when the worker no longer holds the workspace: what it stored is nobody's and will be collected. Idempotent. */
  async record(from: string, taken: HubRequest<'checkpoint.taken'>): Promise<boolean> {
    const { store } = this.#foundation;
    const { workspaceId, epoch, checkpointId: id, sequence, parent, output } = taken;
    const workspace = await store.workspaces.get(workspaceId);
    if (workspace === undefined || workspace.worker !== from || workspace.epoch !== epoch) return false;
    const known = await store.checkpoints.get(id);
    if (known !== undefined) return known.workspaceId === workspaceId;
    const earlier = await store.checkpoints.list(workspaceId, KEEP + 1, { withAutomatic: true });
    const { caller, spec, metadata } = workspace;
    const inserted = await store.checkpoints.insertHeld(
      {
        id,
        caller,
        workspaceId,
        name: id,
        ...output,
        spec,
        metadata,
        parentId: earlier.find(({ manifest }) => manifest === parent)?.id ?? null,
        isAutomatic: true,
        sequence,
      },
      { keep: KEEP, holder: { worker: from, epoch } },
    );
    if (inserted === undefined) return false;
    await this.#events.append(`workspace:${workspaceId}`, 'checkpoint.created', {
      workspace_id: workspaceId,
      checkpoint_id: id,
      automatic: true,
      sequence,
    });
    return true;
  }
}
