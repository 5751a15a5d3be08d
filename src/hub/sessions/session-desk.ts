import { randomUUID } from 'node:crypto';
import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import { NotHere } from '../../protocol/link.ts';
import type { WorkerRequest } from '../../protocol/messages.ts';
import type { AgentKind } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { NewAgentSession } from '../../store/agents/store.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import type { Call, Idempotency } from '../hub.ts';
import { toJsonObject } from '../json.ts';
import type { WorkerBook } from '../workers.ts';
import { type Driving, isLive } from './drive.ts';
import type { Family, WhenDone } from './family.ts';
import type { HistoryDesk } from './history-desk.ts';
import type { Door } from './presence/door.ts';
import type { PresenceBook } from './presence/presence-book.ts';
import { PromptDesk, type PromptRequest, type SendRequest, type Sent } from './prompt-desk.ts';
import type { FoundSession, SessionFinder } from './session-finder.ts';
import { type ListedSession, listSessions, type SessionQuery } from './session-list.ts';
import type { SessionLink } from './session-link.ts';
import type { SessionLog } from './session-log.ts';
import { type SessionWorkspaces, teamsAsMetadata } from './session-workspaces.ts';
import { type TurnSeen, watchTurn } from './turn-watch.ts';
import type { VisibleHistory } from './visible-history.ts';

const ASK_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 60_000;
const MAX_TITLE = 120;

export interface NewSession {
  readonly agent: string;
  readonly cwd: string;
  readonly worker?: string;
  readonly workspaceId?: string;
  readonly model?: string;
  readonly permissionMode: AgentSessionRecord['permissionMode'];
  readonly title?: string;
  readonly parentId?: string;
  /** What its parent hears of the ends of its turns. */
  readonly whenDone?: WhenDone;
  readonly prompt?: string;
  readonly idempotencyKey?: string;
}

interface Parts {
  readonly door: Door;
  readonly driving: Driving;
  readonly events: EventLog;
  readonly family: Family;
  readonly finder: SessionFinder;
  readonly history: HistoryDesk;
  readonly idempotency: Idempotency;
  readonly link: SessionLink;
  readonly log: SessionLog;
  readonly presence: PresenceBook;
  readonly visible: VisibleHistory;
  readonly workers: WorkerBook;
  readonly workspaces: SessionWorkspaces;
}

/** Sessions with agents, as callers direct them. */
export class SessionDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #prompts: PromptDesk;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    this.#prompts = new PromptDesk(foundation, {
      ...parts,
      abort: session => this.abort(session),
      fork: (session, { id, caller }) => this.#fork(session, { id, caller, atMessageId: undefined, title: undefined }),
    });
  }

  /** Of a session for which none is named. */
  get defaultAgent(): string {
    return this.#foundation.config.sessions.default_agent;
  }

  /** For whoever directs it: one that only a transcript tells of becomes the caller's. Throws SESSION_NOT_FOUND, for a foreign one too. */
  find(id: string, caller: Caller): Promise<AgentSessionRecord> {
    return this.#parts.finder.take(id, caller);
  }

  /** Changes nothing; with messages of its transcript. Throws SESSION_NOT_FOUND. */
  async look(
    id: string,
    caller: Caller,
    reading: Parameters<SessionFinder['look']>[2],
  ): Promise<FoundSession & Pick<ListedSession, 'openIn'>> {
    const found = await this.#parts.finder.look(id, caller, reading);
    const { record, past, workerId } = found;
    const named = record?.agentSessionId ?? past?.session.agentSessionId;
    const isInside = record !== undefined && record.workspaceId !== null;
    const openIn = isInside || named === undefined ? undefined : await this.#parts.presence.find(workerId, named);
    return { ...found, openIn };
  }

  list(query: SessionQuery): ReturnType<typeof listSessions> {
    const { store } = this.#foundation;
    const { history, presence, visible } = this.#parts;
    return listSessions(query, { store, history, presence, visible });
  }

  /** The agents of all workers that answer, and the names of those that did not. */
  async agents(worker?: string): Promise<{ agents: (AgentKind & { workerId: string })[]; silent: string[] }> {
    const live = (await this.#parts.workers.live()).filter(({ id }) => worker === undefined || id === worker);
    const silent: string[] = [];
    const asked = live.map(async ({ id }) => {
      try {
        const { agents } = await this.#parts.link.ask(id, 'agents.describe', {}, { timeoutMs: ASK_TIMEOUT_MS });
        return agents.map(agent => ({ ...agent, workerId: id }));
      } catch (error) {
        this.#foundation.log.debug({ err: error, worker: id }, 'a worker did not say which agents it has');
        silent.push(id);
        return [];
      }
    });
    return { agents: (await Promise.all(asked)).flat(), silent };
  }

  async create(request: NewSession, call: Call): Promise<AgentSessionRecord> {
    const { idempotencyKey: key, ...args } = request;
    const { session_id } = await this.#parts.idempotency.once(
      { caller: call.caller, operation: 'create_session', key, args: toJsonObject(args) },
      async ids => ({ session_id: (await this.#create(request, call.caller, ids?.taskId() ?? randomUUID())).id }),
    );
    return await this.find(session_id, call.caller);
  }

  /** To the session of this id, like `find` and `send`. */
  async sendTo(id: string, request: PromptRequest, call: Call): Promise<Sent> {
    const sent = await this.#prompts.sendAtOnce(id, request, call);
    return sent ?? (await this.send({ ...request, session: await this.find(id, call.caller) }, call));
  }

  /** Throws SESSION_BUSY, SESSION_OPEN_ELSEWHERE, CAPACITY_EXCEEDED, CAPABILITY_UNSUPPORTED; then nothing was written. */
  send(request: SendRequest, call: Call): Promise<Sent> {
    return this.#prompts.send(request, call);
  }

  /** Follows the turn until it ends, waits for leave, or the time is over. */
  watch(
    { session, turn, cursor }: Sent,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<TurnSeen> {
    const { permissions } = this.#foundation.store;
    const isPending = async (id: string) => (await permissions.get(id))?.state === 'pending';
    const watched = { sessionId: session.id, turnId: turn.id, after: cursor, timeoutMs, signal, isPending };
    return watchTurn(this.#parts.events, watched);
  }

  /** Interrupts the running turn; the session stays usable. False when none runs. */
  async abort(session: AgentSessionRecord): Promise<boolean> {
    if (!isLive(session)) return false;
    const { id: sessionId, epoch, worker } = session;
    const options = { timeoutMs: ASK_TIMEOUT_MS };
    const asked = this.#parts.link.ask(worker, 'session.interrupt', { sessionId, epoch }, options);
    return (await this.#unlessGone(asked, { wasRunning: false })).wasRunning;
  }

  /** Ends the agent's processes; prompts that wait are ended too. False when it was not live. */
  async dispose(session: AgentSessionRecord): Promise<boolean> {
    const { store } = this.#foundation;
    const { id: sessionId, epoch, worker } = session;
    const waiting = (await store.turns.open(sessionId)).filter(({ state }) => state !== 'running');
    for (const { id } of waiting) await this.#endWaiting(sessionId, id);
    const wasLive = isLive(session);
    if (wasLive) {
      const asked = this.#parts.link.ask(
        worker,
        'session.stop',
        { sessionId, epoch, as: 'closed' },
        { timeoutMs: STOP_TIMEOUT_MS },
      );
      await this.#unlessGone(asked, { wasLive: false });
    }
    // One that is open in a terminal is not ours to close.
    if (session.status !== 'mirror')
      await store.sessions.update(sessionId, { epoch }, { status: 'closed', statusReason: null });
    return wasLive;
  }

  async rename(session: AgentSessionRecord, title: string): Promise<string> {
    const trimmed = title.trim().slice(0, MAX_TITLE);
    const body = { session: { id: session.id, title: trimmed } };
    await this.#parts.log.append(session.id, [{ type: 'session.updated', body }], { title: trimmed });
    return trimmed;
  }

  /** A copy up to a message, without a process; the original stays as it is. */
  async fork(
    session: AgentSessionRecord,
    { atMessageId, title, idempotencyKey: key }: { atMessageId?: string; title?: string; idempotencyKey?: string },
    call: Call,
  ): Promise<AgentSessionRecord> {
    const args = { session_id: session.id, at_message_id: atMessageId ?? null, title: title ?? null };
    const { session_id } = await this.#parts.idempotency.once(
      { caller: call.caller, operation: 'fork_session', key, args },
      async ids => ({
        session_id: await this.#fork(session, {
          atMessageId,
          title,
          caller: call.caller,
          id: ids?.taskId() ?? randomUUID(),
        }),
      }),
    );
    return await this.find(session_id, call.caller);
  }

  async #create(request: NewSession, caller: Caller, id: string): Promise<AgentSessionRecord> {
    const { store } = this.#foundation;
    const known = await store.sessions.get(id);
    const session = known ?? (await this.#insert(request, caller, id));
    const ready = await this.#parts.driving.start(session);
    if (request.prompt !== undefined) {
      const prompt = { text: request.prompt, attachments: [] };
      const { turn, hasBegun } = await this.#prompts.enqueue(ready, prompt, `${id}-first`);
      if (hasBegun) this.#parts.driving.give(ready, { id: turn.id, sessionId: id, prompt });
      else this.#parts.driving.advance(id);
    }
    return session;
  }

  async #insert(request: NewSession, caller: Caller, id: string): Promise<AgentSessionRecord> {
    const { agent, model, permissionMode, workspaceId, parentId } = request;
    const { worker, cwd, slug } =
      workspaceId === undefined
        ? await this.#place(request)
        : await this.#parts.workspaces.reach({ ...request, workspaceId, asker: caller });
    const title = request.title?.trim().slice(0, MAX_TITLE) ?? '';
    const row: NewAgentSession = {
      ...{
        id,
        caller: caller.id,
        agent,
        agentSessionId: null,
        worker,
        workspaceId: workspaceId ?? null,
        slug,
        cwd,
        title,
      },
      ...{ model: model ?? null, permissionMode, status: 'starting', parentId: parentId ?? null, forkedFrom: null },
      ...{ atMessageId: null, usage: {}, messageCount: 0 },
      metadata: workspaceId === undefined ? {} : teamsAsMetadata(caller),
    };
    const session = await this.#parts.family.insert(row, request);
    const about = { id, agent, cwd, projectSlug: slug, title, status: 'starting', workerId: worker };
    const body = { session: { ...about, ...(parentId !== undefined && { parentId }) } };
    await this.#parts.log.append(id, [{ type: 'session.created', body }]);
    return session;
  }

  /** The worker that has the agent and the directory: of several the one with the fewest live sessions. */
  async #place({ agent, cwd, worker }: NewSession): Promise<{ worker: string; cwd: string; slug: string }> {
    const all = await this.#parts.workers.live();
    const live = all.filter(({ id, isDraining }) => (worker === undefined ? !isDraining : id === worker));
    if (worker !== undefined && live.length === 0)
      throw new AppError('WORKER_NOT_FOUND', `Worker not found: ${worker}`);
    const sessions = await this.#foundation.store.sessions.live();
    const load = (id: string) => sessions.filter(one => one.worker === id).length;
    let refusal: unknown = new AppError(
      'AGENT_UNAVAILABLE',
      `Agent ${agent} is not available on any worker: none is connected`,
    );
    for (const { id } of live.toSorted((a, b) => load(a.id) - load(b.id))) {
      try {
        const options = { timeoutMs: ASK_TIMEOUT_MS };
        return { worker: id, ...(await this.#parts.link.ask(id, 'session.check', { agent, cwd }, options)) };
      } catch (error) {
        // What is wrong with the directory says more than that another worker lacks the agent.
        const saysMore = error instanceof AppError && error.code === 'INVALID_CWD';
        if (saysMore || !(refusal instanceof AppError && refusal.code === 'INVALID_CWD')) refusal = error;
      }
    }
    throw refusal;
  }

  async #endWaiting(sessionId: string, turnId: string): Promise<void> {
    const result = { outcome: 'aborted', error: 'the session was disposed before this prompt had its turn' };
    if (!(await this.#foundation.store.turns.end({ id: turnId, state: 'aborted', result }))) return;
    await this.#parts.log.append(sessionId, [
      { type: 'session.error', body: { error: result.error, code: 'SESSION_FAILED' } },
      { type: 'session.idle', body: { turnId, result } },
    ]);
  }

  async #fork(
    session: AgentSessionRecord,
    {
      atMessageId,
      title,
      caller,
      id,
    }: { atMessageId: string | undefined; title: string | undefined; caller: Caller; id: string },
  ): Promise<string> {
    const { store } = this.#foundation;
    if ((await store.sessions.get(id)) !== undefined) return id;
    const { agent, agentSessionId: original, cwd } = session;
    if (original === null)
      throw new AppError('CONFLICT', `Session ${session.id} has not started yet, so there is nothing to fork`, {
        hint: 'wait for session.updated with status idle',
      });
    const request = { agent, agentSessionId: original, cwd, atMessageId: atMessageId ?? null, title: title ?? null };
    const last = atMessageId ?? (await this.#parts.finder.lastMessageOf(session));
    const { agentSessionId, worker } =
      (await this.#parts.workspaces.fork(session, request)) ?? (await this.#forkOn(session.worker, request));
    const { epoch: _epoch, reported: _reported, createdAt: _createdAt, ...copied } = session;
    const { updatedAt: _updatedAt, lastMessageAt: _lastMessageAt, statusReason: _statusReason, ...row } = copied;
    await store.sessions.insert({
      ...row,
      // Who copies something that is shared has the copy.
      caller: caller.id,
      ...{ id, agentSessionId, worker, status: 'parked', forkedFrom: session.id, parentId: null },
      ...{ atMessageId: last, title: title ?? row.title, usage: {}, messageCount: 0 },
      metadata: row.workspaceId === null ? {} : teamsAsMetadata(caller),
    });
    const body = { session: { id, agent, cwd, forkedFrom: session.id, status: 'parked', workerId: worker } };
    await this.#parts.log.append(id, [{ type: 'session.created', body }]);
    return id;
  }

  async #forkOn(
    worker: string,
    request: WorkerRequest<'session.fork'>,
  ): Promise<{ agentSessionId: string; worker: string }> {
    const options = { timeoutMs: ASK_TIMEOUT_MS };
    return { ...(await this.#parts.link.ask(worker, 'session.fork', request, options)), worker };
  }

  /** A worker that does not drive the session any more has nothing to end. */
  async #unlessGone<Value>(answer: Promise<Value>, otherwise: Value): Promise<Value> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof NotHere) return otherwise;
      throw error;
    }
  }
}
