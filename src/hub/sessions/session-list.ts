import { historyAgentSchema, type HistorySession } from '../../protocol/history.ts';
import type { AgentSessionRecord, SessionState } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import { type OpenIn, openInOf, type PresenceBook } from './presence/presence-book.ts';
import type { HistoryDesk, Warning } from './history-desk.ts';
import { mergePages, type Source } from './merge-pages.ts';

/** Our own records, among the workers that have parts of the list. No worker may have this name. */
const RECORDS = '';

/** A session that was driven here, that an agent's own transcript tells of, or both. */
export interface ListedSession {
  readonly workerId: string;
  readonly record: AgentSessionRecord | undefined;
  readonly past: HistorySession | undefined;
  /** The terminal that has it open. */
  readonly openIn: OpenIn | undefined;
}

export interface SessionQuery {
  readonly caller: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly worker?: string;
  readonly slug?: string;
  readonly agent?: string;
  readonly status?: SessionState;
  readonly title?: string;
  readonly since?: number;
}

/**
 * Sessions, newest first: what the workers' transcripts tell, with what is known of those that were driven here, and those that no
 * transcript tells of: they have said nothing yet, or are of an agent whose transcripts nobody reads.
 */
export async function listSessions(
  query: SessionQuery,
  { store, history, presence }: { store: Store; history: HistoryDesk; presence: PresenceBook },
): Promise<{ sessions: ListedSession[]; nextCursor: string | null; warnings: Warning[] }> {
  const { caller, limit, cursor, worker, status, title, ...rest } = query;
  const warnings: Warning[] = [];
  // A transcript alone is of a session that nobody drives.
  const hasTranscripts = status === undefined || status === 'parked' || status === 'mirror';
  const byWorker = await presence.byWorker();
  const openOf = (name: string, { agentSessionId: id }: { agentSessionId: string | null }): OpenIn | undefined => {
    const open = id === null ? undefined : byWorker.get(name)?.get(id);
    return open && openInOf(open);
  };
  const withoutMessages = hasTranscripts ? historyAgentSchema.options : undefined;
  const records: Source<ListedSession> = {
    name: RECORDS,
    async fetch(page) {
      const found = await store.sessions.list({ ...rest, ...page, caller, worker, status, title, withoutMessages });
      const items = found.rows.map(record => ({
        ...{ workerId: record.worker, record, past: undefined },
        openIn: record.workspaceId === null ? openOf(record.worker, record) : undefined,
      }));
      return { items, nextCursor: found.nextCursor };
    },
  };
  const live = hasTranscripts ? await history.workers(worker) : [];
  const transcripts = live.map(
    (name): Source<ListedSession> => ({
      name,
      async fetch(page) {
        const found = await history.sessionsOf(name, { ...rest, query: title, ...page });
        const ids = found.sessions.map(({ agentSessionId }) => agentSessionId);
        const known = new Map((await store.sessions.byAgentSession(caller, ids)).map(one => [one.agentSessionId, one]));
        const items = found.sessions.map(past => ({
          ...{ workerId: name, record: known.get(past.agentSessionId), past },
          openIn: openOf(name, past),
        }));
        // One that is driven is not parked, whatever its transcript looks like.
        const fitting = items.filter(item => status === undefined || statusOf(item) === status);
        return { items: fitting, nextCursor: found.nextCursor };
      },
    }),
  );
  const page = await mergePages({
    sources: [records, ...transcripts],
    limit,
    cursor,
    order: ({ record, past }) => Math.max(record?.updatedAt ?? 0, past?.updatedAt ?? 0),
    onSilent: (name, error) => warnings.push(history.warningOf(name, error)),
  });
  return { sessions: page.items.map(({ item }) => item), nextCursor: page.nextCursor, warnings };
}

/** What is driven here says so itself; of what is not, a terminal that has it open is known first from its worker. */
export function statusOf({ record, openIn }: Pick<ListedSession, 'record' | 'openIn'>): SessionState {
  const status = record?.status ?? 'parked';
  const isFree = status === 'parked' || status === 'closed' || status === 'failed' || status === 'mirror';
  if (!isFree) return status;
  if (openIn !== undefined) return 'mirror';
  return status === 'mirror' ? 'parked' : status;
}
