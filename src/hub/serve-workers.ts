import { type HubHandlers, serveHub } from '../protocol/link.ts';
import type { Closer } from '../fabric/fabric.ts';
import type { WorkspaceRecord } from '../store/rows.ts';
import type { AuditTrail } from './audit.ts';
import type { AutoCheckpoints } from './auto-checkpoints.ts';
import type { Catalog } from './catalog.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { LostWorkspaces } from './lost-workspaces.ts';
import type { RunEnds } from './run-ends.ts';
import type { PresenceDesk } from './sessions/presence/presence-desk.ts';
import type { SessionRecorder } from './sessions/recorder.ts';
import type { Tails } from './tails.ts';
import type { TaskDesk } from './tasks.ts';
import type { WorkerBook } from './workers.ts';

interface Parts {
  readonly audit: AuditTrail;
  readonly auto: AutoCheckpoints;
  readonly catalog: Catalog;
  readonly ends: RunEnds;
  readonly events: EventLog;
  readonly lost: LostWorkspaces;
  readonly presence: PresenceDesk;
  readonly recorder: SessionRecorder;
  readonly tails: Tails;
  readonly tasks: TaskDesk;
  readonly workers: WorkerBook;
}

/** Serves what workers tell their hub. `from` is the worker's authenticated id; what it says of others' workspaces is void. */
export function serveWorkers(foundation: Foundation, parts: Parts): Promise<Closer> {
  const { store, log, link } = foundation;
  const { audit, auto, catalog, ends, events, lost, presence, recorder, tails, tasks, workers } = parts;

  /** The workspace, if this worker holds it at that epoch. */
  const held = async (
    { workspaceId, epoch }: { workspaceId: string; epoch: number },
    worker: string,
  ): Promise<WorkspaceRecord | undefined> => {
    const workspace = await store.workspaces.get(workspaceId);
    return workspace?.worker === worker && workspace.epoch === epoch ? workspace : undefined;
  };

  const handlers: HubHandlers = {
    'session.told': (told, { from }) => recorder.record(from, told),
    'presence.told': async ({ open }, { from }) => {
      await presence.told(from, open);
      return {};
    },
    'transcripts.grew': async ({ agentSessionIds }, { from }) => {
      await presence.grew(from, agentSessionIds);
      return {};
    },
    'worker.join': (worker, { from }) => workers.join({ ...worker, id: from }),
    'worker.beat': ({ boot }, { from }) => workers.beat(from, boot),
    'worker.change': (change, { from }) => workers.change(from, change),
    'worker.leave': async ({ boot }, { from }) => {
      await workers.leave(from, boot);
      return {};
    },
    'run.started': async ({ commandId, sequence, ...hold }, { from }) => {
      const workspace = catalog.isLeaving(hold.workspaceId) ? undefined : await held(hold, from);
      if (workspace === undefined) return { mayStart: false };
      const isFirst = await store.tasks.start(commandId, { worker: from, epoch: hold.epoch, sequence });
      const task = await store.tasks.get(commandId);
      if (task === undefined) return { mayStart: false };
      if (isFirst) {
        await tails.takeUp(from, commandId);
        await tasks.announce(task, 'task.started');
        return { mayStart: true };
      }
      // The same word once more, because the first answer was lost.
      const isRepeat = task.worker === from && task.epoch === hold.epoch && task.sequence === sequence;
      return { mayStart: task.status === 'running' && isRepeat };
    },
    'run.ended': async ({ commandId, outcome, ...hold }, { from }) => {
      await ends.record(commandId, outcome, { worker: from, epoch: hold.epoch });
      return {};
    },
    'box.changed': async ({ generation, state, reason, ...hold }, { from }) => {
      const { workspaceId, epoch } = hold;
      if (!(await store.workspaces.update(workspaceId, { worker: from, epoch }, { generation, state }))) return {};
      catalog.change(workspaceId, { epoch, generation, state });
      const body = { workspace_id: workspaceId, generation, state, reason };
      await events.append(`workspace:${workspaceId}`, 'box.changed', body);
      return {};
    },
    'workspace.recovered': async (told, { from }) => {
      await lost.filled(from, told);
      return {};
    },
    'checkpoint.taken': async (taken, { from }) => ({ isKept: await auto.record(from, taken) }),
    'egress.seen': async ({ connections, ...hold }, { from }) => {
      const workspace = await held(hold, from);
      if (workspace === undefined) return {};
      await Promise.all(
        connections.map(({ host, port, allowed, reason, bytes }) =>
          audit.record({
            caller: workspace.caller,
            operation: 'egress',
            handles: { workspace_id: workspace.id },
            outcome: allowed ? 'ok' : 'HOST_NOT_ALLOWED',
            durationMs: 0,
            details: { host, port, reason, bytes },
          }),
        ),
      );
      return {};
    },
  };
  return serveHub(link, {
    handlers,
    onError: (error, { verb, from, reference }) =>
      log.error({ err: error, verb, worker: from, reference }, 'a request of a worker failed'),
  });
}
