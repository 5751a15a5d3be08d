import type { Caller } from '../../auth/caller.ts';
import type { HistorySession, MessagesRequest, SessionMessages } from '../../protocol/history.ts';
import { permissionModeSchema } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import { toJsonObject } from '../json.ts';
import { sessionNotFound } from './errors.ts';
import type { HistoryDesk } from './history-desk.ts';

export interface FoundSession {
  readonly workerId: string;
  readonly record: AgentSessionRecord | undefined;
  /** What the transcript tells, where there is one and its worker answers. */
  readonly past: SessionMessages | undefined;
}

/** In the metadata of a session that was begun elsewhere, such as in its user's own terminal. */
export const ADOPTED = 'adopted';

type Reading = Omit<MessagesRequest, 'id'>;

/** Finds sessions by id: those that were driven here, and those that an agent's own transcript tells of. */
export class SessionFinder {
  readonly #store: Store;
  readonly #history: HistoryDesk;

  constructor(store: Store, history: HistoryDesk) {
    this.#store = store;
    this.#history = history;
  }

  /** Changes nothing. Throws SESSION_NOT_FOUND, for a foreign one too. */
  async look(id: string, caller: Caller, reading: Reading): Promise<FoundSession> {
    const record = await this.#own(id, caller);
    const request = { ...reading, id: record?.agentSessionId ?? id, include: reading.include ?? ('main' as const) };
    const read = await this.#history.messages(request, undefined);
    if (record === undefined && read === undefined) throw sessionNotFound(id);
    return { workerId: record?.worker ?? read?.workerId ?? '', record, past: read?.found };
  }

  /** For whoever directs it: one that only a transcript tells of becomes the caller's own, parked. */
  async take(id: string, caller: Caller): Promise<AgentSessionRecord> {
    const own = await this.#own(id, caller);
    if (own !== undefined) return own;
    const read = await this.#history.messages({ id, limit: 1, maxPartChars: 1, include: 'main' }, undefined);
    if (read === undefined) throw sessionNotFound(id);
    const { session } = read.found;
    const [known] = await this.#store.sessions.byAgentSession(caller.id, [session.agentSessionId]);
    const taken =
      known ?? (await this.#store.sessions.insert(adoptedRow(session, { caller: caller.id, worker: read.workerId })));
    // Another caller has taken it: to this one it is foreign.
    if (taken.caller !== caller.id) throw sessionNotFound(id);
    return taken;
  }

  async #own(id: string, caller: Caller): Promise<AgentSessionRecord | undefined> {
    const byId = await this.#store.sessions.get(id);
    if (byId !== undefined) {
      if (byId.caller !== caller.id) throw sessionNotFound(id);
      return byId;
    }
    const [byAgent] = await this.#store.sessions.byAgentSession(caller.id, [id]);
    return byAgent;
  }
}

/** One that was begun elsewhere, as the caller's own. */
export const adoptedRow = (past: HistorySession, { caller, worker }: { caller: string; worker: string }) => ({
  id: past.id,
  caller,
  agent: past.agent,
  agentSessionId: past.agentSessionId,
  worker,
  workspaceId: null,
  slug: past.projectSlug,
  cwd: past.cwd,
  title: past.title,
  model: past.model ?? null,
  // What the agent calls otherwise than we do is asked for anew.
  permissionMode: permissionModeSchema.catch('default').parse(past.permissionMode),
  status: 'parked' as const,
  parentId: null,
  forkedFrom: past.forkedFrom ?? null,
  atMessageId: null,
  usage: toJsonObject(past.usage),
  messageCount: past.messageCount,
  metadata: { [ADOPTED]: true },
});
