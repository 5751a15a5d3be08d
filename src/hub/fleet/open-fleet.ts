import type { ProviderSource } from '../../providers/provider.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Idempotency, Peers, Workspaces } from '../hub.ts';
import type { Leadership } from '../leadership.ts';
import type { RunEnds } from '../run-ends.ts';
import type { PresenceBook } from '../sessions/presence/presence-book.ts';
import type { SessionDesk } from '../sessions/session-desk.ts';
import type { TaskDesk } from '../tasks.ts';
import type { WorkerBook } from '../workers.ts';
import { AgentFinder } from './agent-finder.ts';
import { AgentLists } from './agent-lists.ts';
import { Delivery } from './delivery.ts';
import { FleetDesk } from './fleet-desk.ts';
import { FleetKeeper } from './fleet-keeper.ts';
import { FleetList } from './fleet-list.ts';
import { FleetWatch } from './fleet-watch.ts';
import { InputDesk } from './input-desk.ts';
import { LocalProvider } from './local-provider.ts';
import { LocalSessions } from './local-sessions.ts';
import { type FleetCaller, FleetProviders } from './providers.ts';
import { FLEET } from './queued-input.ts';
import { Snapshots } from './snapshots.ts';

/** Agents of all providers, as operations see them. */
export interface Fleet {
  readonly list: FleetList;
  readonly desk: FleetDesk;
  /** Somebody reads the events of the fleet: from now on it is watched for a while. */
  read(): Promise<void>;
}

interface Parts {
  readonly providers: ProviderSource;
  readonly desk: SessionDesk;
  readonly presence: PresenceBook;
  readonly ends: RunEnds;
  readonly events: EventLog;
  readonly idempotency: Idempotency;
  readonly leadership: Leadership;
  readonly peers: Peers;
  readonly tasks: TaskDesk;
  readonly workers: WorkerBook;
  readonly workspaces: Pick<Workspaces, 'delete'>;
}

/** Everything that a hub does for the fleet. */
export function openFleet(foundation: Foundation, parts: Parts): Fleet {
  const { store, link } = foundation;
  const { desk: sessionDesk, presence, ends, events, idempotency, leadership, peers } = parts;
  const { tasks, workers, workspaces } = parts;
  const sessions = new LocalSessions(foundation, { desk: sessionDesk, presence, workers });
  const inWorkspace = (id: string, caller: string) => sessionsIn(store, { workspaceId: id, caller });
  const localOf = ({ id, teams = NOBODY, isReadOnly }: FleetCaller) => {
    const caller = { id, teams, scopes: NOBODY, ...(isReadOnly !== undefined && { isReadOnly }) };
    return new LocalProvider({ caller, desk: sessionDesk, sessions, workspaces, inWorkspace });
  };
  const providers = new FleetProviders(foundation, { source: parts.providers, localOf });
  const lists = new AgentLists(foundation, peers);
  const delivery = new Delivery(foundation, { ends, events, lists, providers });
  const watch = new FleetWatch(foundation, { events, lists, providers, sessions });
  const keeper = new FleetKeeper(foundation, { delivery, leadership, watch });
  const inputs = new InputDesk(foundation, { ends, lists, tasks, queued: () => keeper.wake() });
  const finder = new AgentFinder(providers, store);
  // What is being sent cannot be called back.
  tasks.ownedBy(FLEET, { stop: async () => false });
  return {
    list: new FleetList({ lists, providers, snapshots: new Snapshots(link.blobs) }),
    desk: new FleetDesk(foundation, { ends, finder, idempotency, inputs, lists, providers }),
    read: () => keeper.read(),
  };
}

/** Operations have checked what their callers may do. */
const NOBODY: ReadonlySet<string> = new Set();
const PAGE = 200;

async function sessionsIn(
  { sessions }: Store,
  { workspaceId, caller }: { workspaceId: string; caller: string },
): Promise<AgentSessionRecord[]> {
  const found: AgentSessionRecord[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof sessions.list>> = await sessions.list({
      caller,
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    });
    found.push(...page.rows.filter(session => session.workspaceId === workspaceId));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}
