import type { CallerStateStore } from '../../store/agents/store.ts';
import type { PollPositionStore } from '../../store/events/store.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Idempotency, Peers } from '../hub.ts';
import type { Activity } from '../activity.ts';
import type { Catalog } from '../catalog.ts';
import type { Holders } from '../holders.ts';
import type { WorkerBook } from '../workers.ts';
import { Driving } from './drive.ts';
import { EventPositions } from './event-positions.ts';
import { Family } from './family.ts';
import { HistoryDesk } from './history-desk.ts';
import { PermissionDesk } from './permission-desk.ts';
import { Door } from './presence/door.ts';
import { Mirror } from './presence/mirror.ts';
import { PresenceBook } from './presence/presence-book.ts';
import { PresenceDesk } from './presence/presence-desk.ts';
import { ProjectFinder } from './project-finder.ts';
import { SessionRecorder } from './recorder.ts';
import { SessionDesk } from './session-desk.ts';
import { SessionFinder } from './session-finder.ts';
import { SessionFeed } from './session-feed.ts';
import { SessionLink } from './session-link.ts';
import { SessionLog } from './session-log.ts';
import { SessionRecovery } from './session-recovery.ts';
import { SessionWorkspaces } from './session-workspaces.ts';
import { TerminalDesk } from './terminals/terminal-desk.ts';
import { UploadDesk } from './upload-desk.ts';
import { VisibleHistory } from './visible-history.ts';
import type { Sharing } from '../sharing/sharing.ts';

/** Sessions with agents, as operations see them. */
export interface Sessions {
  readonly desk: SessionDesk;
  readonly permissions: PermissionDesk;
  readonly terminals: TerminalDesk;
  readonly presence: PresenceBook;
  readonly mirror: Mirror;
  readonly feed: SessionFeed;
  readonly positions: EventPositions;
  readonly polls: PollPositionStore;
  readonly states: CallerStateStore;
  readonly history: HistoryDesk;
  readonly projects: ProjectFinder;
  readonly uploads: UploadDesk;
}

interface Parts {
  readonly activity: Activity;
  readonly catalog: Catalog;
  readonly holders: Holders;
  readonly events: EventLog;
  readonly idempotency: Idempotency;
  readonly peers: Peers;
  readonly sharing: Sharing;
  readonly workers: WorkerBook;
}

/** Everything that a hub does for sessions; `recorder` hears what workers tell of them. */
export function openSessions(
  foundation: Foundation,
  { activity, catalog, holders, events, idempotency, peers, sharing, workers }: Parts,
): { sessions: Sessions; recorder: SessionRecorder; presence: PresenceDesk } {
  const { store, config } = foundation;
  const log = new SessionLog(store, events);
  const link = new SessionLink(foundation, workers);
  const workspaces = new SessionWorkspaces({ activity, catalog, holders });
  const visible = new VisibleHistory(store.sessions, sharing);
  const history = new HistoryDesk(foundation, { link, workers, visible });
  const mirror = new Mirror(foundation, { link, log });
  const terminals = new TerminalDesk(foundation, { history, link, log, mirror, peers, visible, workers });
  const book = new PresenceBook(store, workers);
  const door = new Door(foundation, { book, link, terminals });
  const driving = new Driving(foundation, { door, log, link, workspaces });
  const presence = new PresenceDesk(foundation, { book, driving, log, mirror, terminals, workers });
  terminals.onHook(({ sessionId }) => presence.heard(sessionId));
  const recorder = new SessionRecorder(foundation, {
    log,
    permissionSeconds: config.sessions.permission_timeout_seconds,
    turnEnded: ({ id }) => driving.advance(id),
    released: session => presence.released(session),
    heard: session => workspaces.used(session),
  });
  new SessionRecovery(foundation, { driving, log, workers });
  const family = new Family(foundation, { log, prompted: id => driving.advance(id) });
  log.onChild(() => family.changed());
  const finder = new SessionFinder(store, { history, sharing, visible });
  const desk = new SessionDesk(foundation, {
    door,
    driving,
    events,
    family,
    finder,
    history,
    idempotency,
    link,
    log,
    presence: book,
    visible,
    workers,
    workspaces,
  });
  const permissions = new PermissionDesk(foundation, { link, terminals: terminals.requests });
  const sessions = {
    desk,
    permissions,
    terminals,
    presence: book,
    mirror,
    feed: new SessionFeed(store, { events, log }),
    positions: new EventPositions(store),
    polls: store.pollPositions,
    states: store.callerStates,
    history,
    projects: new ProjectFinder(store, history),
    uploads: new UploadDesk(foundation, link),
  };
  return { sessions, recorder, presence };
}
