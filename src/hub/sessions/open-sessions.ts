import type { CallerStateStore } from '../../store/agents/store.ts';
import type { PollPositionStore } from '../../store/store.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Idempotency, Peers } from '../hub.ts';
import type { WorkerBook } from '../workers.ts';
import { Driving } from './drive.ts';
import { EventPositions } from './event-positions.ts';
import { HistoryDesk } from './history-desk.ts';
import { PermissionDesk } from './permission-desk.ts';
import { ProjectFinder } from './project-finder.ts';
import { SessionRecorder } from './recorder.ts';
import { SessionDesk } from './session-desk.ts';
import { SessionFinder } from './session-finder.ts';
import { SessionFeed } from './session-feed.ts';
import { SessionLink } from './session-link.ts';
import { SessionLog } from './session-log.ts';
import { SessionRecovery } from './session-recovery.ts';
import { TerminalDesk } from './terminals/terminal-desk.ts';
import { UploadDesk } from './upload-desk.ts';

/** Sessions with agents, as operations see them. */
export interface Sessions {
  readonly desk: SessionDesk;
  readonly permissions: PermissionDesk;
  readonly terminals: TerminalDesk;
  readonly feed: SessionFeed;
  readonly positions: EventPositions;
  readonly polls: PollPositionStore;
  readonly states: CallerStateStore;
  readonly history: HistoryDesk;
  readonly projects: ProjectFinder;
  readonly uploads: UploadDesk;
}

interface Parts {
  readonly events: EventLog;
  readonly idempotency: Idempotency;
  readonly peers: Peers;
  readonly workers: WorkerBook;
}

/** Everything that a hub does for sessions; `recorder` hears what workers tell of them. */
export function openSessions(
  foundation: Foundation,
  { events, idempotency, peers, workers }: Parts,
): { sessions: Sessions; recorder: SessionRecorder } {
  const { store, config } = foundation;
  const log = new SessionLog(store, events);
  const link = new SessionLink(foundation, workers);
  const driving = new Driving(foundation, { log, link });
  const recorder = new SessionRecorder(foundation, {
    log,
    permissionSeconds: config.sessions.permission_timeout_seconds,
    turnEnded: ({ id }) => driving.advance(id),
  });
  new SessionRecovery(foundation, { driving, log, workers });
  const history = new HistoryDesk(foundation, { link, workers });
  const finder = new SessionFinder(store, history);
  const desk = new SessionDesk(foundation, { driving, events, finder, history, idempotency, link, log, workers });
  const terminals = new TerminalDesk(foundation, { history, log, peers, workers });
  const permissions = new PermissionDesk(foundation, { link, terminals: terminals.requests });
  const sessions = {
    desk,
    permissions,
    terminals,
    feed: new SessionFeed(store, events),
    positions: new EventPositions(store),
    polls: store.pollPositions,
    states: store.callerStates,
    history,
    projects: new ProjectFinder(store, history),
    uploads: new UploadDesk(foundation, link),
  };
  return { sessions, recorder };
}
