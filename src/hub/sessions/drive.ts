import { AppError } from '../../errors/app-error.ts';
import { NotHere } from '../../protocol/link.ts';
import { usageSchema } from '../../protocol/sessions.ts';
import type { AgentSessionRecord, TurnRecord } from '../../store/agents/rows.ts';
import type { Foundation } from '../foundation.ts';
import type { Door } from './presence/door.ts';
import { openInSchema } from './presence/presence-book.ts';
import { type Prompt, promptSchema } from './prompt.ts';
import { sessionNotFound } from './errors.ts';
import type { SessionLink } from './session-link.ts';
import type { SessionLog } from './session-log.ts';
import type { Lodged, SessionWorkspaces } from './session-workspaces.ts';

const START_TIMEOUT_MS = 120_000;
const ASK_TIMEOUT_MS = 30_000;
/** Once for what was there and has ended meanwhile, once for its successor. */
const MAX_STARTS = 2;
const LIVE: ReadonlySet<string> = new Set(['starting', 'idle', 'running', 'waiting_permission']);

export const isLive = ({ status }: AgentSessionRecord): boolean => LIVE.has(status);

/** Where a prompt goes to: a session, at a start of its agent. */
type Driven = Pick<AgentSessionRecord, 'id' | 'epoch' | 'worker'>;

/** A prompt that has begun. */
type Given = Pick<TurnRecord, 'id' | 'sessionId'> & { readonly prompt: Prompt };

interface Begun {
  readonly session: Driven;
  readonly turn: Given;
}

interface Parts {
  readonly door: Door;
  readonly log: SessionLog;
  readonly link: SessionLink;
  readonly workspaces: SessionWorkspaces;
}

/**
 * Gives prompts to agents: starts what is not live, one turn at a time, each prompt once. Whatever the hub dies of on the way, the
 * records say how far it was, and another hub goes on from there.
 */
export class Driving {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  /** One at a time for a session here; across hubs the records decide. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** The next prompt of the session goes to its agent, if one waits and none runs. Never rejects: what fails is told as an event. */
  advance(sessionId: string): void {
    this.#inTurn(sessionId, () => this.#advance(sessionId, undefined));
  }

  /** The same for a prompt that has begun with its acceptance. */
  give(session: Driven, turn: Given): void {
    this.#inTurn(session.id, () => this.#advance(session.id, { session, turn }));
  }

  #inTurn(sessionId: string, work: () => Promise<void>): void {
    const before = this.#underWay.get(sessionId);
    const mine = before === undefined ? work() : before.then(work);
    this.#underWay.set(sessionId, mine);
    this.#foundation.background.run('drive a session', async () => {
      try {
        await mine;
      } finally {
        if (this.#underWay.get(sessionId) === mine) this.#underWay.delete(sessionId);
      }
    });
  }

  /**
   * For a turn whose hub may have been lost on the way: the worker knows whether the agent has it. `gone`: the agent that had it, or
   * never got it, is not there any more.
   */
  async giveAgain(session: AgentSessionRecord, turn: TurnRecord): Promise<'given' | 'gone' | 'unknown'> {
    if (this.#underWay.has(session.id)) return 'unknown';
    try {
      await this.#tell(session, givenOf(turn));
      return 'given';
    } catch (error) {
      if (isGone(error)) return 'gone';
      this.#foundation.log.debug({ err: error, session: session.id }, 'a prompt could not be given again yet');
      return 'unknown';
    }
  }

  /** Starts the agent of a session that is not live, or finds it live. Throws what the worker throws. */
  async start(session: AgentSessionRecord): Promise<AgentSessionRecord> {
    const { store } = this.#foundation;
    let current = session;
    if (isLive(current) && current.status !== 'starting') return current;
    const lodged = await this.#lodged(current);
    const worker = lodged?.worker ?? current.worker;
    // A workspace that has moved takes its sessions along.
    if (!isLive(current) || worker !== current.worker) {
      // A session whose worker is gone stays what it is, until there is somebody to start it.
      await this.#parts.link.requireLive(worker);
      const perCaller = this.#foundation.limits.of(current.caller)?.sessions;
      const claimed = await store.sessions.claim(current.id, { epoch: current.epoch }, { worker }, { perCaller });
      current = claimed ?? (await this.#read(current.id));
      const body = { session: { id: current.id, status: 'starting' } };
      if (claimed) await this.#parts.log.append(current.id, [{ type: 'session.updated', body }]);
    }
    // Starting once more what another hub has begun to start does no harm, and brings it to its end when that hub is gone.
    if (current.status !== 'starting') return current;
    await this.#begin(current, lodged);
    return await this.#read(current.id);
  }

  async #lodged(session: AgentSessionRecord): Promise<Lodged | undefined> {
    try {
      return await this.#parts.workspaces.of(session);
    } catch (error) {
      await this.#notStarted(session, error);
      throw error;
    }
  }

  async #begin(session: AgentSessionRecord, lodged: Lodged | undefined): Promise<void> {
    const { id: sessionId, epoch, agent, cwd, model, permissionMode, agentSessionId: resume } = session;
    const used = usageSchema.safeParse(session.usage).data;
    const place = { cwd, ...(lodged && { workspace: lodged.hold }) };
    const request = { sessionId, epoch, agent, ...place, resume, model, permissionMode, used };
    try {
      const options = { timeoutMs: START_TIMEOUT_MS };
      const { agentSessionId } = await this.#parts.link.ask(session.worker, 'session.start', request, options);
      // Its agent is ready now, unless its worker has told more of it meanwhile.
      const { sessions } = this.#foundation.store;
      if (!(await sessions.update(sessionId, { epoch, status: 'starting' }, { agentSessionId, status: 'idle' })))
        await sessions.update(sessionId, { epoch }, { agentSessionId });
    } catch (error) {
      await this.#notStarted(session, error);
      throw error;
    }
  }

  /** Nothing for now is no reason to fail. */
  async #notStarted({ id, epoch }: AgentSessionRecord, error: unknown): Promise<void> {
    if (!(error instanceof AppError) || isForNow(error)) return;
    const isElsewhere = error.code === 'SESSION_OPEN_ELSEWHERE';
    const status = isElsewhere ? 'mirror' : 'failed';
    const statusReason = isElsewhere ? null : error.message;
    const body = { session: { id, status, ...(statusReason !== null && { statusReason }) } };
    if (await this.#foundation.store.sessions.update(id, { epoch }, { status, statusReason }))
      await this.#parts.log.append(id, [{ type: 'session.updated', body }]);
  }

  /** `begun`: what is to be given first. */
  async #advance(sessionId: string, begun: Begun | undefined): Promise<void> {
    const { log } = this.#foundation;
    let undelivered: Given | undefined;
    for (let starts = 0; starts < MAX_STARTS; starts += 1) {
      const next = starts === 0 && begun ? begun.turn : await this.#next(sessionId);
      if (next === undefined) return;
      try {
        const { session, turn } = starts === 0 && begun ? begun : await this.#beginNext(sessionId);
        if (turn === undefined) return;
        if (await this.#give(session, turn)) return;
        undelivered = turn;
      } catch (error) {
        if (error instanceof AppError && isForNow(error)) return;
        // Its workspace has moved since we looked.
        if (error instanceof NotHere && starts + 1 < MAX_STARTS) continue;
        if (await this.#isHeld(next, error)) return;
        log.warn({ err: error, session: sessionId }, 'a prompt could not be given to its agent');
        await this.#fail(next, error);
        return;
      }
    }
    // To be given for ever to agents that end before they have it is no end for a prompt.
    const ended = new AppError('SESSION_FAILED', 'The agent exited before it got the prompt');
    if (undelivered !== undefined) await this.#fail(undelivered, ended);
  }

  /** What waits to be given, unless something runs. */
  async #next(sessionId: string): Promise<TurnRecord | undefined> {
    const open = await this.#foundation.store.turns.open(sessionId);
    return open.some(({ state }) => state === 'running') ? undefined : open.find(({ state }) => state === 'queued');
  }

  async #beginNext(sessionId: string): Promise<Pick<Begun, 'session'> & Partial<Begun>> {
    const session = await this.start(await this.#read(sessionId));
    const turn = await this.#foundation.store.turns.begin(sessionId, session.epoch);
    return { session, ...(turn && { turn: givenOf(turn) }) };
  }

  /** Somebody opened the session in a terminal in the last moment, and the prompt's caller has chosen to wait for that. */
  async #isHeld(turn: Given | TurnRecord, error: unknown): Promise<boolean> {
    if (!(error instanceof AppError) || error.code !== 'SESSION_OPEN_ELSEWHERE') return false;
    const openIn = openInSchema.safeParse(error.details.openIn).data;
    if (openIn === undefined) return false;
    try {
      if (!(await this.#parts.door.hold(turn, await this.#read(turn.sessionId), openIn))) return false;
    } catch (refusal) {
      if (!(refusal instanceof AppError)) throw refusal;
      return false;
    }
    this.advance(turn.sessionId);
    return true;
  }

  /** False when the agent has ended before it got the prompt, which therefore waits again. */
  async #give(session: Driven, turn: Given): Promise<boolean> {
    const { store } = this.#foundation;
    try {
      await this.#tell(session, turn);
      return true;
    } catch (error) {
      if (!isGone(error)) throw error;
      if (!(await store.turns.retract(turn.id))) return true;
      await store.sessions.update(session.id, { epoch: session.epoch }, { status: 'parked' });
      return false;
    }
  }

  async #tell({ id: sessionId, epoch, worker }: Driven, { id: turnId, prompt }: Given): Promise<void> {
    const { text, attachments } = prompt;
    const request = { sessionId, epoch, turnId, text, attachments };
    await this.#parts.link.ask(worker, 'session.prompt', request, { timeoutMs: ASK_TIMEOUT_MS });
  }

  async #fail({ id, sessionId }: Pick<Given, 'id' | 'sessionId'>, cause: unknown): Promise<void> {
    const { code, message } =
      cause instanceof AppError ? cause : new AppError('SESSION_FAILED', 'the prompt could not be given to the agent');
    const result = { outcome: 'failed', error: message };
    if (!(await this.#foundation.store.turns.end({ id, state: 'failed', result }))) return;
    await this.#parts.log.append(sessionId, [
      { type: 'session.error', body: { error: message, code } },
      { type: 'session.idle', body: { turnId: id, result } },
    ]);
    this.advance(sessionId);
  }

  async #read(id: string): Promise<AgentSessionRecord> {
    const session = await this.#foundation.store.sessions.get(id);
    if (session === undefined) throw sessionNotFound(id);
    return session;
  }
}

/** As it was written down. */
const givenOf = ({ id, sessionId, prompt }: TurnRecord): Given => ({
  id,
  sessionId,
  prompt: promptSchema.parse(prompt),
});

/** Whoever is asked again later may get another answer. */
const isForNow = ({ code }: AppError): boolean => code === 'WORKER_UNREACHABLE' || code === 'NO_WORKER_AVAILABLE';

/** The agent of that start is not there. */
const isGone = (error: unknown): boolean =>
  error instanceof NotHere || (error instanceof AppError && error.code === 'SESSION_FAILED');
