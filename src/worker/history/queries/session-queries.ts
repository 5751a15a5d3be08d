import type { Database } from 'better-sqlite3';
import type {
  HistoryProject,
  HistorySession,
  ProjectFilter,
  ProjectPage,
  SessionFilter,
  SessionPage,
} from '../../../protocol/history.ts';
import { resumeCommand } from '../../../protocol/resume-command.ts';
import type { Usage } from '../../../protocol/sessions.ts';
import { repositoryNames, type RepositoryNames, sessionUid } from '../identity.ts';
import { costShares, type TotalRow } from './costs.ts';
import { pageOf } from './cursors.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import { whoseOf } from './whose.ts';

interface CallSums {
  readonly session: number;
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cost: number | null;
}

const UNTITLED = 'Untitled';
const REPOSITORY_NAMES_KEPT_MS = 60_000;

/** Lists of projects and sessions. */
export class SessionQueries {
  readonly #book: SessionBook;
  readonly #calls;
  readonly #totals;
  readonly #repositories = new Map<string, { names: RepositoryNames; until: number }>();

  constructor(database: Database, book: SessionBook) {
    this.#book = book;
    this.#calls = database.prepare<[string], CallSums>(
      `select session, sum(input) as input, sum(output) as output, sum(cache_read) as cacheRead, sum(cache_write) as cacheWrite,
         sum(cost) as cost from call where session in (select value from json_each(?)) group by session`,
    );
    this.#totals = database.prepare<[string], TotalRow>(
      `select t.session, s.family, t.start_time as startTime, t.day, t.cost, t.input, t.output, t.models
       from session s join total t on t.session = s.id where s.family in (select value from json_each(?))`,
    );
  }

  projects({ agent, query, limit, cursor, ...whose }: ProjectFilter): ProjectPage {
    const isWanted = whoseOf(whose);
    const groups = new Map<number, BookedSession[]>();
    for (const session of this.#book.sessions.values()) {
      if ((agent !== undefined && session.agent !== agent) || !isWanted(session)) continue;
      const group = groups.get(session.project.id);
      if (group === undefined) groups.set(session.project.id, [session]);
      else group.push(session);
    }
    const items = [...groups.values()].flatMap(sessions => {
      const first = sessions[0];
      if (first === undefined) return [];
      const rank = sessions.reduce((newest, { updatedAt }) => Math.max(newest, updatedAt), 0);
      return [{ rank, key: first.project.slug, path: first.project.path, sessions }];
    });
    const wanted = query?.toLowerCase();
    const fitting = items.filter(
      ({ key, path }) =>
        wanted === undefined ||
        [key, path, this.#repository(path).repoName ?? ''].some(text => text.toLowerCase().includes(wanted)),
    );
    const { page, nextCursor } = pageOf(fitting, { limit, cursor });
    const projects = page.map(
      ({ key, path, rank, sessions }): HistoryProject => ({
        slug: key,
        path,
        sessionCount: sessions.length,
        ...this.#repository(path),
        agents: [...new Set(sessions.map(session => session.agent))].sort(),
        lastActiveAt: rank,
      }),
    );
    return { projects, nextCursor };
  }

  /** None for a slug that no project here has: another worker may have it. */
  sessions({ slug, agent, query, ids, notIds, since, limit, cursor }: SessionFilter): SessionPage {
    const isWanted = whoseOf({ notIds });
    const wanted = query?.toLowerCase();
    const asked = ids?.flatMap(id => this.#book.find(id) ?? []);
    const items = [...(asked ?? this.#book.sessions.values())]
      .filter(
        session =>
          isWanted(session) &&
          (slug === undefined || session.project.slug === slug) &&
          (agent === undefined || session.agent === agent) &&
          (since === undefined || session.updatedAt >= since) &&
          (wanted === undefined || session.title.toLowerCase().includes(wanted)),
      )
      .map(session => ({ rank: session.updatedAt, key: session.uid, session }));
    const { page, nextCursor } = pageOf(items, { limit, cursor });
    return { sessions: this.shown(page.map(({ session }) => session)), nextCursor };
  }

  shown(sessions: readonly BookedSession[]): HistorySession[] {
    const usage = this.#usageOf(sessions);
    return sessions.map(session => ({
      id: session.uid,
      agentSessionId: session.agentId,
      agent: session.agent,
      projectSlug: session.project.slug,
      title: session.title || UNTITLED,
      cwd: session.cwd,
      createdAt: session.createdAt,
      updatedAt: session.updatedAt,
      lastMessageAt: session.updatedAt,
      model: session.model ?? undefined,
      permissionMode: session.permissionMode ?? undefined,
      forkedFrom: session.forkedFrom === null ? undefined : sessionUid(session.agent, session.forkedFrom),
      messageCount: session.messages,
      usage: usage(session.id),
      resumeCommand: resumeCommand(session.agent, { agentSessionId: session.agentId, cwd: session.cwd }),
    }));
  }

  #usageOf(sessions: readonly BookedSession[]): (session: number) => Usage {
    const calls = new Map(this.#calls.all(JSON.stringify(sessions.map(({ id }) => id))).map(row => [row.session, row]));
    const families = [...new Set(sessions.map(({ family }) => family))];
    const shares = costShares(this.#totals.all(JSON.stringify(families)));
    return session => {
      const sums = calls.get(session);
      return {
        inputTokens: sums?.input ?? 0,
        outputTokens: sums?.output ?? 0,
        cacheReadTokens: sums?.cacheRead ?? 0,
        cacheWriteTokens: sums?.cacheWrite ?? 0,
        costUsd: shares.get(session)?.cost ?? sums?.cost ?? null,
      };
    };
  }

  #repository(path: string): RepositoryNames {
    const now = Date.now();
    const known = this.#repositories.get(path);
    if (known !== undefined && known.until > now) return known.names;
    const names = repositoryNames(path);
    this.#repositories.set(path, { names, until: now + REPOSITORY_NAMES_KEPT_MS });
    return names;
  }
}
