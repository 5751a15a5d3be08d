import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { HistorySession, MessagesRequest, SessionMessages } from '../../protocol/history.ts';
import { permissionModeSchema } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Store } from '../../store/store.ts';
import { toJsonObject } from '../json.ts';
import { sessionNotFound } from './errors.ts';
import type { HistoryDesk } from './history-desk.ts';
import { MACHINE_USER, type Sharing } from '../sharing/sharing.ts';
import type { VisibleHistory } from './visible-history.ts';
import { namesAlike, withLiveMessages } from './live-messages.ts';
import { isWhollyRecorded, type RecordedMessages, recordedMessages } from './recorded-messages.ts';

export interface FoundSession {
  readonly workerId: string;
  readonly record: AgentSessionRecord | undefined;
  /** What the transcript tells, where there is one and its worker answers. */
  readonly past: SessionMessages | undefined;
  /** What the session's events tell, where that is to be shown and not the transcript. */
  readonly recorded: RecordedMessages | undefined;
}

/** In the metadata of a session that was begun elsewhere, such as in its user's own terminal. */
export const ADOPTED = 'adopted';

type Reading = Omit<MessagesRequest, 'id'>;

/** Messages at most that are looked through for one that was told live. */
const MOST_READ = 500;

interface Parts {
  readonly history: HistoryDesk;
  readonly sharing: Sharing;
  readonly visible: VisibleHistory;
}

/** Finds sessions by id: those that were driven here, and those that an agent's own transcript tells of. */
export class SessionFinder {
  readonly #store: Store;
  readonly #history: HistoryDesk;
  readonly #sharing: Sharing;
  readonly #visible: VisibleHistory;

  constructor(store: Store, { history, sharing, visible }: Parts) {
    this.#store = store;
    this.#history = history;
    this.#sharing = sharing;
    this.#visible = visible;
  }

  /** Changes nothing. Throws SESSION_NOT_FOUND, for a foreign one too. */
  async look(id: string, caller: Caller, reading: Reading): Promise<FoundSession> {
    const record = await this.#own(id, caller);
    if (record === undefined && !(await this.#visible.isWhole(caller))) throw sessionNotFound(id);
    const found = await this.#look(id, { record, reading });
    if (record === undefined && found.past !== undefined) await this.#refuseOfOthers(id, { past: found.past, caller });
    return found;
  }

  /** Id of the last message of a session; null when it has none, or its worker does not answer. */
  async lastMessageOf(session: AgentSessionRecord): Promise<string | null> {
    const { past, recorded } = await this.#look(session.id, {
      record: session,
      reading: { limit: 1, maxPartChars: 1 },
    });
    return (recorded ?? past)?.messages.at(-1)?.id ?? null;
  }

  async #look(
    id: string,
    { record, reading }: { record: AgentSessionRecord | undefined; reading: Reading },
  ): Promise<FoundSession> {
    const { events } = this.#store;
    // Other agents name what they say live and what they write down in different ways: who heard it live finds it again.
    const isToldByEvents =
      record !== undefined &&
      !namesAlike(record) &&
      record.metadata[ADOPTED] !== true &&
      (await isWhollyRecorded(events, record));
    const named = { ...reading, id: record?.agentSessionId ?? id, include: reading.include ?? ('main' as const) };
    // Of those only what the transcript says of the session itself.
    const request = isToldByEvents ? { ...named, limit: 1, before: undefined } : named;
    // The transcript of a session inside a workspace lies in there.
    const isInside = record !== undefined && record.workspaceId !== null;
    const read = isInside ? undefined : await this.#read(request, record);
    if (record === undefined && read === undefined) throw sessionNotFound(id);
    const workerId = record?.worker ?? read?.workerId ?? '';
    if (record === undefined) return { workerId, record, past: read?.found, recorded: undefined };
    if (read === undefined || isToldByEvents)
      return { workerId, record, past: read?.found, recorded: await recordedMessages(this.#store, record, reading) };
    const past = await withLiveMessages(read.found, { session: record, reading, events });
    return { workerId, record, past, recorded: undefined };
  }

  /** A message that was told live may not have been read of the transcript yet: then what is before it is among the newest. */
  async #read(
    request: Parameters<HistoryDesk['messages']>[0],
    record: AgentSessionRecord | undefined,
  ): ReturnType<HistoryDesk['messages']> {
    const { before, limit, ...rest } = request;
    try {
      return await this.#history.messages(request, undefined);
    } catch (error) {
      const isUnread = error instanceof AppError && error.code === 'VALIDATION_ERROR' && record !== undefined;
      if (!isUnread || before === undefined) throw error;
      const read = await this.#history.messages({ ...rest, limit: MOST_READ }, undefined);
      if (read === undefined) return undefined;
      const reading = { limit: MOST_READ, maxPartChars: request.maxPartChars };
      const { events } = this.#store;
      const { messages, ...found } = await withLiveMessages(read.found, { session: record, reading, events });
      const end = messages.findIndex(({ id }) => id === before);
      if (end < 0) throw error;
      const start = Math.max(0, end - limit);
      const page = messages.slice(start, end);
      const hasMore = start > 0 || found.hasMore;
      const shown = { ...found, messages: page, hasMore, before: hasMore ? (page[0]?.id ?? null) : null };
      return { workerId: read.workerId, found: shown };
    }
  }

  /** For whoever directs it: one that only a transcript tells of becomes one of the user of the machine, parked. */
  async take(id: string, caller: Caller): Promise<AgentSessionRecord> {
    const own = await this.#own(id, caller);
    if (own !== undefined) return own;
    if (!(await this.#visible.isWhole(caller))) throw sessionNotFound(id);
    const read = await this.#history.messages({ id, limit: 1, maxPartChars: 1, include: 'main' }, undefined);
    if (read === undefined) throw sessionNotFound(id);
    const { session } = read.found;
    const [known] = await this.#store.sessions.byAgentSession(MACHINE_USER, [session.agentSessionId]);
    if (known !== undefined) return known;
    await this.#refuseOfOthers(id, { past: read.found, caller });
    // Whoever it is shared with directs it for the user of the machine, whose it stays.
    const row = adoptedRow(session, { caller: MACHINE_USER, worker: read.workerId });
    const taken = await this.#store.sessions.insert(row);
    if (taken.caller !== MACHINE_USER) throw sessionNotFound(id);
    return taken;
  }

  /** A transcript of a session that was driven here for another caller is that one's. */
  async #refuseOfOthers(id: string, { past, caller }: { past: SessionMessages; caller: Caller }): Promise<void> {
    if (await this.#visible.isOfOthers(past.session.agentSessionId, caller)) throw sessionNotFound(id);
  }

  async #own(id: string, caller: Caller): Promise<AgentSessionRecord | undefined> {
    const byId = await this.#store.sessions.get(id);
    if (byId !== undefined) {
      if (!(await this.#sharing.mayUseSession(byId, caller))) throw sessionNotFound(id);
      return byId;
    }
    const [byAgent] = await this.#store.sessions.byAgentSession(caller.id, [id]);
    if (byAgent !== undefined || caller.id === MACHINE_USER) return byAgent;
    const [ofMachine] = await this.#store.sessions.byAgentSession(MACHINE_USER, [id]);
    return ofMachine && (await this.#visible.isWhole(caller)) ? ofMachine : undefined;
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
