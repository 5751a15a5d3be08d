import { historyAgentSchema, type HistorySession } from '../../protocol/history.ts';
import type { AgentSessionRecord, SessionState } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import type { HistoryDesk, Warning } from './history-desk.ts';
import { mergePages, type Source } from './merge-pages.ts';

/** Our own records, among the workers that have parts of the list. No worker may have this name. */
const RECORDS = '';

/** A session that was driven here, that an agent's own transcript tells of, or both. */
export interface ListedSession {
  readonly workerId: string;
  readonly record: AgentSessionRecord | undefined;
  readonly past: HistorySession | undefined;
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
  { store, history }: { store: Store; history: HistoryDesk },
): Promise<{ sessions: ListedSession[]; nextCursor: string | null; warnings: Warning[] }> {
  const { caller, limit, cursor, worker, status, title, ...rest } = query;
  const warnings: Warning[] = [];
  // A transcript alone is of a session that nobody drives.
  const hasTranscripts = status === undefined || status === 'parked';
  const withoutMessages = hasTranscripts ? historyAgentSchema.options : undefined;
  const records: Source<ListedSession> = {
    name: RECORDS,
    async fetch(page) {
      const found = await store.sessions.list({ ...rest, ...page, caller, worker, status, title, withoutMessages });
      const items = found.rows.map(record => ({ workerId: record.worker, record, past: undefined }));
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
        const items = found.sessions.map(past => ({ workerId: name, record: known.get(past.agentSessionId), past }));
        // One that is driven is not parked, whatever its transcript looks like.
        const fitting = items.filter(({ record }) => status === undefined || (record?.status ?? 'parked') === status);
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
