import { z } from 'zod';
import type { Caller } from '../../auth/caller.ts';
import type { Agent } from '../../providers/provider.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { PresenceBook } from '../sessions/presence/presence-book.ts';
import type { SessionDesk } from '../sessions/session-desk.ts';
import type { ListedSession } from '../sessions/session-list.ts';
import type { WorkerBook } from '../workers.ts';
import { localAgent } from './local-agents.ts';

/** A session that failed is listed for so long. */
const FAILED_MS = 24 * 60 * 60 * 1000;
const PAGE = 200;
/** Pages of sessions that are not active; no list is longer. */
const MOST_PAGES = 5;

export interface LocalParts {
  readonly desk: SessionDesk;
  readonly presence: PresenceBook;
  readonly workers: WorkerBook;
}

/** Sessions as agents of the fleet. */
export class LocalSessions {
  readonly #foundation: Foundation;
  readonly #parts: LocalParts;

  constructor(foundation: Foundation, parts: LocalParts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Those of a caller that are live, open in a terminal, or failed within a day; or all. */
  async list(caller: Caller, { includeInactive }: { includeInactive: boolean }): Promise<Agent[]> {
    const { sessions } = this.#foundation.store;
    const since = Date.now() - FAILED_MS;
    const [live, failed, mirrors, others] = await Promise.all([
      sessions.live(),
      sessions.list({ caller: caller.id, status: 'failed', since, limit: PAGE }),
      this.#mirrors(caller),
      includeInactive ? this.#all(caller) : [],
    ]);
    const records = [...live.filter(session => session.caller === caller.id), ...failed.rows];
    const found = new Map<string, ListedSession>();
    for (const session of [...records.map(listed), ...mirrors, ...others]) {
      const id = session.record?.id ?? session.past?.id ?? '';
      const known = found.get(id);
      found.set(id, { ...session, openIn: session.openIn ?? known?.openIn });
    }
    return await this.#agents([...found.values()], caller.id);
  }

  /** Sessions of all callers that have an agent now, with whose they are. */
  async everyones(): Promise<{ readonly agent: Agent; readonly caller: string }[]> {
    const live = await this.#foundation.store.sessions.live();
    const byCaller = Map.groupBy(live, ({ caller }) => caller);
    const agents = await Promise.all(
      [...byCaller].map(async ([caller, records]) => {
        const own = await this.#agents(records.map(listed), caller);
        return own.map(agent => ({ agent, caller }));
      }),
    );
    return agents.flat();
  }

  /** A session that was driven here, whoever's it is. */
  async known(id: string): Promise<Agent | undefined> {
    const record = await this.#foundation.store.sessions.get(id);
    return record && (await this.#agents([listed(record)], record.caller))[0];
  }

  /** Throws SESSION_NOT_FOUND, for a foreign one too. */
  async get(id: string, caller: Caller): Promise<Agent> {
    const found = await this.#parts.desk.look(id, caller, { limit: 1, maxPartChars: 1 });
    const listed = { ...found, past: found.past?.session };
    const [agent] = await this.#agents([listed], caller.id);
    if (agent === undefined) throw new Error('a session that was found is gone');
    return agent;
  }

  async #agents(sessions: readonly ListedSession[], caller: string): Promise<Agent[]> {
    const live = new Set((await this.#parts.workers.live()).map(({ id }) => id));
    return await Promise.all(
      sessions.map(async session => {
        const initialPrompt = session.record === undefined ? null : await this.#firstPrompt(session.record);
        return localAgent({ ...session, caller: session.record?.caller ?? caller, initialPrompt }, live);
      }),
    );
  }

  async #firstPrompt({ id }: AgentSessionRecord): Promise<string | null> {
    const turn = await this.#foundation.store.turns.get(`${id}-first`);
    return promptSchema.safeParse(turn?.prompt).data?.text ?? null;
  }

  /** Asked for only where a worker knows of terminals at all. */
  async #mirrors(caller: Caller): Promise<ListedSession[]> {
    const open = [...(await this.#parts.presence.byWorker()).values()];
    if (open.every(({ size }) => size === 0)) return [];
    const { sessions } = await this.#parts.desk.list({ caller, status: 'mirror', limit: PAGE });
    return sessions;
  }

  async #all(caller: Caller): Promise<ListedSession[]> {
    const found: ListedSession[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await this.#parts.desk.list({
        caller,
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      });
      found.push(...page.sessions);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    return found;
  }
}

const promptSchema = z.looseObject({ text: z.string() });

const listed = (record: AgentSessionRecord): ListedSession => ({
  workerId: record.worker,
  record,
  past: undefined,
  openIn: undefined,
});
