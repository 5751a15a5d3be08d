import type { Caller } from '../../auth/caller.ts';
import type { HistorySession } from '../../protocol/history.ts';
import type { AgentSessionRecord, SessionState } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import { type OpenIn, openInOf, type PresenceBook } from './presence/presence-book.ts';
import type { HistoryDesk, Warning } from './history-desk.ts';
import { mergePages, type Source } from './merge-pages.ts';
import { MACHINE_USER } from '../sharing/sharing.ts';
import type { VisibleHistory } from './visible-history.ts';

/** Our own records, among the workers that have parts of the list. No worker may have this name. */
const RECORDS = '';
/** Those of the user of the machines, for whom they are shared with. A name that no worker can have. */
const OF_MACHINE_USER = ' ';

/** A session that was driven here, that an agent's own transcript tells of, or both. */
export interface ListedSession {
  readonly workerId: string;
  readonly record: AgentSessionRecord | undefined;
  readonly past: HistorySession | undefined;
  /** The terminal that has it open. */
  readonly openIn: OpenIn | undefined;
}

export interface SessionQuery {
  readonly caller: Caller;
  readonly limit: number;
  readonly cursor?: string;
  readonly worker?: string;
  readonly slug?: string;
  readonly agent?: string;
  readonly status?: SessionState;
  readonly title?: string;
  readonly since?: number;
}

/** Pages of a source that are read for one of ours: many of its sessions may be listed by another, or have another status. */
const MOST_PAGES = 5;

interface Places {
  readonly store: Store;
  readonly history: HistoryDesk;
  readonly presence: PresenceBook;
  readonly visible: VisibleHistory;
}

/**
 * Sessions, newest first: those that were driven here, with what their transcripts tell of them, and those that only a transcript
 * tells of.
 */
export async function listSessions(
  query: SessionQuery,
  { store, history, presence, visible }: Places,
): Promise<{ sessions: ListedSession[]; nextCursor: string | null; warnings: Warning[] }> {
  const { caller, limit, cursor, worker, status, title, ...rest } = query;
  const whose = await visible.of(caller);
  // Whoever sees the transcripts of the machines sees the sessions of their user too.
  const owners = whose.ids === undefined ? new Set([caller.id, MACHINE_USER]) : new Set([caller.id]);
  const warnings: Warning[] = [];
  const onSilent = (name: string, error: unknown) => warnings.push(history.warningOf(name, error));
  const byWorker = await presence.byWorker();
  const openOf = (name: string, { agentSessionId: id }: { agentSessionId: string | null }): OpenIn | undefined => {
    const open = id === null ? undefined : byWorker.get(name)?.get(id);
    return open && openInOf(open);
  };
  const fits = (item: ListedSession) => status === undefined || statusOf(item) === status;
  const recordsOf = (owner: string): Source<ListedSession> => ({
    name: owner === caller.id ? RECORDS : OF_MACHINE_USER,
    fetch: page =>
      severalPages(page, async one => {
        const recorded = status !== undefined && !isFree(status) ? status : undefined;
        const found = await store.sessions.list({ ...rest, ...one, caller: owner, worker, status: recorded, title });
        const items = found.rows.map(record => ({
          ...{ workerId: record.worker, record, past: undefined },
          openIn: record.workspaceId === null ? openOf(record.worker, record) : undefined,
        }));
        return { items: items.filter(fits), nextCursor: found.nextCursor };
      }),
  });
  // A transcript alone is of a session that nobody drives.
  const hasTranscripts = status === undefined || isFree(status);
  const live = await history.workers(worker);
  const transcripts = (hasTranscripts ? live : []).map(
    (name): Source<ListedSession> => ({
      name,
      fetch: page =>
        severalPages(page, async one => {
          const found = await history.sessionsOf(name, { ...rest, ...whose, query: title, ...one });
          const ids = found.sessions.map(({ agentSessionId }) => agentSessionId);
          const own = (await Promise.all([...owners].map(owner => store.sessions.byAgentSession(owner, ids)))).flat();
          const known = new Map(own.map(session => [session.agentSessionId, session]));
          const items = found.sessions.flatMap((past): ListedSession[] => {
            const record = known.get(past.agentSessionId);
            // Listed by its record, except for a title that only its transcript has.
            if (record !== undefined && (title === undefined || record.title !== '')) return [];
            return [{ workerId: name, record, past, openIn: openOf(name, past) }];
          });
          return { items: items.filter(fits), nextCursor: found.nextCursor };
        }),
    }),
  );
  const page = await mergePages({
    sources: [...[...owners].map(recordsOf), ...transcripts],
    limit,
    cursor,
    order: ({ record, past }) => Math.max(record?.updatedAt ?? 0, past?.updatedAt ?? 0),
    onSilent,
  });
  const items = page.items.map(({ item }) => item);
  const sessions = await withTranscripts(items, { history, live, onSilent });
  return { sessions, nextCursor: page.nextCursor, warnings };
}

type Fetched = Awaited<ReturnType<Source<ListedSession>['fetch']>>;

/** As many items as were asked for, where there are so many on the next pages. */
async function severalPages(
  { limit, cursor }: { limit: number; cursor?: string },
  fetch: (page: { limit: number; cursor?: string }) => Promise<Fetched>,
): Promise<Fetched> {
  const items: ListedSession[] = [];
  let next = cursor;
  for (let pages = 0; ; pages += 1) {
    const page = await fetch({ limit, ...(next !== undefined && { cursor: next }) });
    items.push(...page.items);
    if (page.nextCursor === null || items.length >= limit || pages === MOST_PAGES)
      return { items, nextCursor: page.nextCursor };
    next = page.nextCursor;
  }
}

/** What transcripts tell of sessions that were driven here. */
async function withTranscripts(
  sessions: readonly ListedSession[],
  {
    history,
    live,
    onSilent,
  }: { history: HistoryDesk; live: readonly string[]; onSilent: (worker: string, error: unknown) => void },
): Promise<ListedSession[]> {
  const told = new Map<string, HistorySession>();
  const asked = live.map(async worker => {
    const ids = sessions.flatMap(({ record, past, workerId }) =>
      past === undefined && workerId === worker && record?.workspaceId === null ? (record.agentSessionId ?? []) : [],
    );
    if (ids.length === 0) return;
    try {
      const found = await history.sessionsOf(worker, { ids, limit: ids.length });
      for (const past of found.sessions) told.set(`${worker} ${past.agentSessionId}`, past);
    } catch (error) {
      onSilent(worker, error);
    }
  });
  await Promise.all(asked);
  return sessions.map(session => ({
    ...session,
    past: session.past ?? told.get(`${session.workerId} ${session.record?.agentSessionId}`),
  }));
}

const isFree = (status: SessionState): boolean =>
  status === 'parked' || status === 'closed' || status === 'failed' || status === 'mirror';

/** What is driven here says so itself; of what is not, a terminal that has it open is known first from its worker. */
export function statusOf({ record, openIn }: Pick<ListedSession, 'record' | 'openIn'>): SessionState {
  const status = record?.status ?? 'parked';
  if (!isFree(status)) return status;
  if (openIn !== undefined) return 'mirror';
  return status === 'mirror' ? 'parked' : status;
}
