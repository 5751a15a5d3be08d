import { AppError } from '../../errors/app-error.ts';
import type { SessionBox } from './boxes/agent-boxes.ts';
import { type Exit, exitText } from './processes/agent-process.ts';
import type { Log } from '../../log/log.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { SessionTold, SessionWorkerRequest } from '../../protocol/session-messages.ts';
import type { SessionStatus } from '../../protocol/sessions.ts';
import type {
  AgentUpdate,
  Driver,
  DriverHost,
  LiveAgent,
  PermissionAnswer,
  PermissionQuestion,
  Prompt,
  TurnEnd,
} from './driver.ts';
import { MaskedUpdates } from './masked-updates.ts';
import { eventsOf, type SessionEvent } from './session-events.ts';
import { type Told, ToldQueue } from './told.ts';

export type Opening = SessionWorkerRequest<'session.start'>;

export interface LiveSessionParts {
  readonly driver: Driver;
  /** The sandbox that the agent runs in, where it does. */
  readonly box?: SessionBox;
  readonly log: Log;
  /** How long a request for leave may stay unanswered. */
  readonly permissionTimeoutMs: number;
  tell(told: SessionTold): Promise<{ isFenced: boolean; expected: number }>;
  /** Written down before the process gets any work. */
  spawned(process: { readonly pid: number }): Promise<void>;
  /** It drives nothing any more. */
  ended(): void;
}

interface Pending {
  readonly question: PermissionQuestion;
  readonly answered: PromiseWithResolvers<PermissionAnswer>;
}

/** One session that this worker drives, from the start of its agent to its end: turns, requests for leave, and what is told of them. */
export class LiveSession implements DriverHost {
  readonly id: string;
  readonly epoch: number;
  readonly agent: string;
  readonly #opening: Opening;
  readonly #parts: LiveSessionParts;
  readonly #queue: ToldQueue;
  readonly #masked: MaskedUpdates;
  readonly #pending = new Map<string, Pending>();
  /** Turns that the agent was given: none twice. */
  readonly #given = new Set<string>();
  readonly #stopped = new AbortController();
  #live: LiveAgent | undefined;
  #status: SessionStatus = 'starting';
  #turn: { readonly id: string; readonly over: Promise<void> } | undefined;
  /** Whether the agent has said anything in its turn: somebody waits for its first words. */
  #isAnswering = false;
  #messages = 0;
  #lastUsedAt = performance.now();
  #ending: Promise<void> | undefined;

  constructor(opening: Opening, parts: LiveSessionParts) {
    this.id = opening.sessionId;
    this.epoch = opening.epoch;
    this.agent = opening.agent;
    this.#opening = opening;
    this.#parts = parts;
    const { log, tell, box } = parts;
    this.#masked = new MaskedUpdates(() => box?.secrets() ?? []);
    this.#queue = new ToldQueue({
      sessionId: this.id,
      epoch: this.epoch,
      log,
      tell,
      // Whoever drives it now has its own agent; two at work on one transcript would lose a branch of it.
      fenced: () => void this.stop('failed').catch(error => log.error({ err: error }, 'a fenced session did not end')),
    });
  }

  /** The sandbox that its agent runs in, where it does. */
  get box(): SessionBox | undefined {
    return this.#parts.box;
  }

  get status(): SessionStatus {
    return this.#status;
  }

  /** The agent's own id of it; undefined for a new one that has not started yet. */
  get agentSessionId(): string | undefined {
    return this.#live?.agentSessionId ?? this.#opening.resume ?? undefined;
  }

  /** Milliseconds since it was last used; 0 while a turn runs. */
  get idleMs(): number {
    return this.#status === 'idle' ? performance.now() - this.#lastUsedAt : 0;
  }

  /** Starts the agent; answers its own id of the session. Throws what the driver throws; then nothing is left running. */
  async start(): Promise<string> {
    const { sessionId, cwd, resume, model, permissionMode, used } = this.#opening;
    try {
      const live = await this.#parts.driver.open(
        {
          sessionId,
          cwd,
          permissionMode,
          ...(resume !== null && { resume }),
          ...(model !== null && { model }),
          ...(used && { used }),
          ...(this.#parts.box && { box: this.#parts.box }),
          signal: this.#stopped.signal,
        },
        this,
      );
      this.#live = live;
      void live.exited.then(exit => this.#exited(exit));
      this.#setStatus('idle', { agentSessionId: live.agentSessionId });
      return live.agentSessionId;
    } catch (error) {
      this.#ending ??= this.#end('failed', error instanceof AppError ? error.message : 'the agent did not start');
      await this.#ending;
      throw error;
    }
  }

  /** Gives the agent a prompt. Throws SESSION_BUSY while a turn runs. */
  prompt(prompt: Prompt): void {
    if (this.#given.has(prompt.turnId)) return;
    const live = this.#live;
    if (live === undefined || this.#ending !== undefined)
      throw new AppError('SESSION_FAILED', 'The agent exited before it got the prompt');
    if (this.#turn !== undefined)
      throw new AppError('SESSION_BUSY', `Session ${this.id} has turn ${this.#turn.id} running`);
    this.#given.add(prompt.turnId);
    this.#isAnswering = false;
    this.#setStatus('running');
    this.#parts.box?.works(true);
    this.#turn = { id: prompt.turnId, over: this.#run(live, prompt) };
  }

  /** Settles when the turn is over and hubs know it. False when none ran. */
  async interrupt(): Promise<boolean> {
    const turn = this.#turn;
    if (turn === undefined || this.#live === undefined) return false;
    this.#cancelPending();
    await this.#live.interrupt();
    await turn.over;
    await this.#queue.heard();
    return true;
  }

  /** False when nobody waits for it any more. */
  answer(requestId: string, answer: PermissionAnswer): boolean {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return false;
    pending.answered.resolve(answer);
    return true;
  }

  /** Ends the agent's processes; settles when they are gone and all is told. */
  async stop(as: SessionStatus): Promise<void> {
    this.#ending ??= this.#end(as, undefined);
    await this.#ending;
  }

  emit(update: AgentUpdate): void {
    this.#lastUsedAt = performance.now();
    for (const said of this.#masked.of(update)) {
      for (const told of eventsOf(said, { sessionId: this.id })) this.#tell(told);
    }
    if (update.kind === 'message') this.#messages += 1;
    if (this.#isAnswering || isBeginning(update)) return;
    this.#isAnswering = true;
    this.#queue.hurry();
  }

  async ask(question: PermissionQuestion, signal: AbortSignal): Promise<PermissionAnswer> {
    const { requestId, toolName, description, input, remember } = this.#masked.question(question);
    const answered = Promise.withResolvers<PermissionAnswer>();
    const createdAt = Date.now();
    const request = {
      ...{
        requestId,
        sessionId: this.id,
        toolName,
        description,
        input,
        source: 'session',
        createdAt,
        state: 'pending',
      },
      inputPreview: JSON.stringify(input).slice(0, MAX_PREVIEW),
      expiresAt: createdAt + this.#parts.permissionTimeoutMs,
      remember: [...remember],
    };
    this.#pending.set(requestId, { question, answered });
    const cancelled = () => answered.resolve({ behavior: 'cancelled' });
    signal.addEventListener('abort', cancelled, { once: true });
    if (signal.aborted) cancelled();
    this.#setStatus('waiting_permission', {}, [
      {
        event: { type: 'permission_request', body: { request } },
        asked: [{ requestId, toolName, description, input, remember: [...remember] }],
      },
    ]);
    try {
      const answer = await answered.promise;
      this.#resolved(requestId, answer);
      return answer;
    } finally {
      signal.removeEventListener('abort', cancelled);
    }
  }

  spawned(process: { readonly pid: number }): Promise<void> {
    return this.#parts.spawned(process);
  }

  #resolved(requestId: string, answer: PermissionAnswer): void {
    this.#pending.delete(requestId);
    const isExpired = answer.behavior === 'deny' && answer.isExpired === true;
    const state = isExpired ? 'expired' : { allow: 'allowed', deny: 'denied', cancelled: 'expired' }[answer.behavior];
    const by = isExpired ? 'timeout' : answer.behavior === 'cancelled' ? 'agent' : 'caller';
    this.#tell({
      event: { type: 'permission_resolved', body: { requestId, state, by } },
      // What a caller answered is written already; what nobody answered ends here.
      settled: answer.behavior === 'cancelled' ? [{ requestId, state: 'expired' }] : [],
    });
    if (this.#pending.size === 0 && this.#status === 'waiting_permission') this.#setStatus('running');
  }

  async #run(live: LiveAgent, prompt: Prompt): Promise<void> {
    let end: TurnEnd;
    let isGone = false;
    try {
      end = await live.prompt(prompt);
    } catch (error) {
      const told = error instanceof AppError ? error.message : 'the agent failed';
      if (!(error instanceof AppError)) this.#parts.log.error({ err: error }, 'a turn failed unforeseen');
      end = { outcome: 'failed', error: told, durationMs: 0 };
      // It rejects only when the agent is gone: the session must never look usable in between.
      isGone = true;
    }
    this.#cancelPending();
    this.#turn = undefined;
    this.#lastUsedAt = performance.now();
    const { outcome, usage, durationMs } = end;
    const error = end.error === undefined ? undefined : this.#masked.text(end.error);
    const result: JsonObject = {
      outcome,
      durationMs,
      ...(error !== undefined && { error }),
      ...(usage && { usage: { ...usage } }),
    };
    const tellings: Told[] = [];
    if (outcome === 'failed') {
      const body = { error: error ?? 'the agent failed', code: 'SESSION_FAILED' };
      tellings.push({ event: { type: 'session.error', body } });
    }
    tellings.push({
      event: { type: 'session.idle', body: { turnId: prompt.turnId, result } },
      ended: [{ turnId: prompt.turnId, outcome, result }],
      // What the session used is told by an update of its own: this is what the turn used.
      patch: { messageCount: this.#messages, lastMessageAt: Date.now() },
    });
    for (const told of tellings) this.#tell(told);
    if (isGone) this.#ending ??= this.#end('failed', error);
    if (this.#ending === undefined) this.#setStatus('idle');
    this.#parts.box?.works(false);
  }

  #exited(exit: Exit): void {
    const reason = `The agent exited (${exitText(exit)})`;
    this.#ending ??= this.#end('failed', reason);
  }

  async #end(as: SessionStatus, reason: string | undefined): Promise<void> {
    this.#cancelPending();
    const live = this.#live;
    try {
      await live?.close();
      await this.#turn?.over;
    } finally {
      this.#parts.box?.leave();
      this.#stopped.abort(new Error('the session is closed'));
      this.#status = as;
      const statusReason = reason === undefined ? undefined : this.#masked.text(reason);
      const body = { session: { id: this.id, status: as, ...(statusReason !== undefined && { statusReason }) } };
      this.#tell({
        event: { type: 'session.updated', body },
        patch: { status: as, statusReason: statusReason ?? null },
      });
      await this.#queue.flush();
      this.#queue.close();
      this.#parts.ended();
    }
  }

  #cancelPending(): void {
    for (const { answered } of this.#pending.values()) answered.resolve({ behavior: 'cancelled' });
  }

  #setStatus(status: SessionStatus, patch: SessionTold['patch'] = {}, before: readonly Told[] = []): void {
    this.#status = status;
    for (const told of before) this.#tell(told);
    const event: SessionEvent = { type: 'session.updated', body: { session: { id: this.id, status, ...patch } } };
    this.#tell({ event, patch: { ...patch, status, statusReason: null } });
  }

  #tell(told: Told): void {
    this.#queue.add(told);
  }
}

/** What goes before the agent's first words: the caller's own, and what the agent works with. */
const isBeginning = (update: AgentUpdate): boolean =>
  update.kind === 'message' ? update.message.role === 'user' : BEGINNINGS.has(update.kind);
const BEGINNINGS: ReadonlySet<AgentUpdate['kind']> = new Set(['part', 'part_completed', 'model', 'mode']);
const MAX_PREVIEW = 500;
