import { AppError } from '../errors/app-error.ts';
import type { WorkerHandlers } from '../protocol/link.ts';
import { type PastSessions, sessionHandlers } from './agents/handlers.ts';
import type { LiveSessions } from './agents/live-sessions.ts';
import type { TerminalPresence } from './agents/presence/open-presence.ts';
import type { EngineReport } from './sandbox/engine.ts';
import type { HostedWorkspace } from './sandbox/hosted-workspace.ts';
import type { Workspaces } from './workspaces.ts';

export interface HandlerParts {
  readonly workspaces: Workspaces;
  readonly engine: EngineReport;
  /** Absent where no agent is configured. */
  readonly sessions?: LiveSessions;
  readonly past?: PastSessions;
  readonly presence?: TerminalPresence;
  /** False while the worker is closing, or has not heard a hub for most of its lease. */
  mayWork(): boolean;
}

/** What the worker does for each request of a hub. */
export function workerHandlers({
  workspaces,
  engine,
  sessions,
  past,
  presence,
  mayWork,
}: HandlerParts): WorkerHandlers {
  /** Others may hold it by now when this worker was silent for too long: the hub looks at the record, and waits for the lease. */
  const held = (hold: { workspaceId: string; epoch: number }): HostedWorkspace => {
    if (!mayWork()) throw fenced();
    return workspaces.get(hold);
  };
  return {
    ...sessionHandlers(sessions, past, presence),
    'workspace.open': async request => {
      if (!mayWork()) throw fenced();
      return await workspaces.open(request);
    },
    'workspace.release': async request => ({ isReleased: await workspaces.release(request) }),
    'workspace.close': async hold => {
      await workspaces.close(hold);
      return {};
    },
    'workspace.inspect': async request => await workspaces.get(request).inspect(request),
    'run.submit': async request => {
      const { commandId, job, waitMs, detached } = request;
      const command = held(request).submit(commandId, job, { isDetached: detached });
      await command.wait(waitMs);
      return command.report();
    },
    'run.await': async request => {
      const workspace = held(request);
      const command = workspace.find(request.commandId);
      if (command === undefined) return { state: 'unknown' };
      if (request.detach) workspace.detach(command);
      await command.wait(request.waitMs);
      return command.report();
    },
    // Stopping work is right in every state, so it is not refused while work is.
    'run.cancel': async request => workspaces.get(request).cancel(request.commandId, request.reason),
    'file.do': async request => await held(request).file(request.file),
    'worker.status': async () => ({
      workspaces: workspaces.size,
      boxes: workspaces.boxes,
      engines: [describeEngine(engine)],
    }),
  };
}

const fenced = (): AppError =>
  new AppError('NO_WORKER_AVAILABLE', 'no workers available to handle request', {
    details: { reason: 'fenced', retry_after_seconds: 2 },
  });

/** As plain data for hubs. */
export function describeEngine({ name, works, remedy, versions, stale, isolation, limits }: EngineReport) {
  return {
    name,
    works,
    remedy: remedy ?? null,
    versions: { ...versions },
    stale: [...stale],
    isolation,
    limits: { ...limits },
  };
}
