import { randomUUID } from 'node:crypto';
import type { Caller } from '../../auth/caller.ts';
import type { AgentSessionRecord, TurnRecord } from '../../store/agents/rows.ts';
import type { Enqueued, NewTurn } from '../../store/agents/store.ts';
import type { CallIds } from '../../ids/call-ids.ts';
import type { Foundation } from '../foundation.ts';
import type { Call, Idempotency } from '../hub.ts';
import { toJsonObject } from '../json.ts';
import { type Driving, isLive } from './drive.ts';
import { promptQueueFull, sessionBusy } from './errors.ts';
import type { Door, Way } from './presence/door.ts';
import type { Prompt } from './prompt.ts';
import type { SessionLog } from './session-log.ts';

/** So many wait for one session. */
export const MAX_PROMPTS = 20;

export interface PromptRequest {
  readonly prompt: Prompt;
  readonly whenBusy: 'queue' | 'interrupt' | 'error';
  /** The operation that the key belongs to: the same key of another one is another key. */
  readonly operation?: 'send_prompt' | 'send_and_wait';
  readonly idempotencyKey?: string;
}

export interface SendRequest extends PromptRequest {
  readonly session: AgentSessionRecord;
}

export interface Sent {
  readonly turn: Pick<TurnRecord, 'id'>;
  /** The one that has the prompt: with `via: fork` another than was named. */
  readonly session: Pick<AgentSessionRecord, 'id' | 'caller'>;
  readonly via: Way['via'];
  /** Among those that wait; 1 is next. */
  readonly position: number;
  /** Position in the session's log just before this turn. */
  readonly cursor: number;
  readonly forkedFrom?: string;
}

/** What is kept of a prompt that was accepted. */
type Accepted = {
  readonly turn_id: string;
  readonly session_id: string;
  readonly via: Way['via'];
  readonly waits: boolean;
  readonly position: number;
  readonly cursor: number;
};

interface Parts {
  readonly door: Door;
  readonly driving: Driving;
  readonly idempotency: Idempotency;
  readonly log: SessionLog;
  abort(session: AgentSessionRecord): Promise<boolean>;
  /** A copy of the session under this id. */
  fork(session: AgentSessionRecord, as: { id: string; caller: Caller }): Promise<unknown>;
}

/** Takes prompts for sessions: written down before anybody hears that they were accepted. */
export class PromptDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /**
   * As `send`, for a session of the caller's own that takes the prompt at once; undefined for any other, and with a key: then nothing was
   * written. Most prompts are such, and whoever sent one waits for the agent's first words.
   */
  async sendAtOnce(id: string, { prompt, idempotencyKey }: PromptRequest, { caller }: Call): Promise<Sent | undefined> {
    if (idempotencyKey !== undefined) return undefined;
    const { turns } = this.#foundation.store;
    const turn = { id: randomUUID(), sessionId: id, caller: caller.id, prompt };
    const begun = await turns.beginAtOnce(turn);
    if (begun === undefined) return undefined;
    const { worker, epoch, lastSeq: cursor } = begun;
    this.#parts.driving.give({ id, worker, epoch }, turn);
    await given();
    return { turn, session: { id, caller: caller.id }, via: 'resume', position: 1, cursor };
  }

  /**
   * A repeat of a key gets the first answer. Throws SESSION_BUSY, SESSION_OPEN_ELSEWHERE, CAPACITY_EXCEEDED, CAPABILITY_UNSUPPORTED;
   * then nothing was written.
   */
  async send(request: SendRequest, call: Call): Promise<Sent> {
    const { session, prompt, whenBusy, operation = 'send_prompt', idempotencyKey: key } = request;
    const busy = whenBusy === 'queue' ? {} : { whenBusy };
    // Only calls of one key are held to each other.
    const args = key === undefined ? {} : toJsonObject({ session_id: session.id, ...prompt, ...busy });
    let mine: Pick<Enqueued, 'turn' | 'hasBegun'> | undefined;
    const accepted = await this.#parts.idempotency.once({ caller: call.caller, operation, key, args }, async ids => {
      const { turn, hasBegun, ...told } = await this.#accept(request, { caller: call.caller, ids });
      mine = { turn, hasBegun };
      return told;
    });
    const { turn_id, session_id, position, cursor } = accepted;
    const isFork = session_id !== session.id;
    const target = isFork ? await this.#read(session_id) : session;
    const { turn, hasBegun } = mine ?? { turn: await this.#turn(turn_id), hasBegun: false };
    if (mine !== undefined && accepted.waits && whenBusy === 'interrupt') await this.#parts.abort(session);
    if (hasBegun) this.#parts.driving.give(target, { id: turn.id, sessionId: target.id, prompt });
    else this.#parts.driving.advance(target.id);
    await given();
    const sent = { turn, session: target, via: viaOf(accepted), position, cursor };
    return isFork ? { ...sent, forkedFrom: session.id } : sent;
  }

  async #accept(
    { session, prompt, whenBusy }: SendRequest,
    { caller, ids }: { caller: Caller; ids: CallIds | undefined },
  ): Promise<Accepted & Pick<Enqueued, 'turn' | 'hasBegun'>> {
    if (whenBusy === 'error') await this.#refuseBusy(session.id);
    const turnId = ids?.taskId() ?? randomUUID();
    const begun = isLive(session) ? await this.#enqueueUnlessOpen(session, prompt, turnId) : undefined;
    const way: Way = begun === undefined ? await this.#parts.door.way(session, prompt) : { via: 'resume' };
    if (way.via === 'fork') {
      const forkId = ids?.part('fork').taskId() ?? randomUUID();
      await this.#parts.fork(session, { id: forkId, caller });
      const fork = await this.#read(forkId);
      const { turn, hasBegun } = await this.enqueue(fork, prompt, turnId);
      const told = { turn_id: turn.id, session_id: forkId, via: way.via, waits: false, position: 1, cursor: 0 };
      return { ...told, turn, hasBegun };
    }
    const held = 'prompt' in way ? await this.#hold(session, way, turnId) : undefined;
    const { turn, hasBegun, position, isBehind, lastSeq } =
      held ?? begun ?? (await this.enqueue(session, prompt, turnId));
    const waits = way.via !== 'resume' || isBehind || position > 1;
    if (waits)
      await this.#parts.log.append(session.id, [{ type: 'prompt.queued', body: { turnId: turn.id, position } }]);
    const told = { turn_id: turn.id, session_id: session.id, via: way.via, waits, position, cursor: lastSeq };
    return { ...told, turn, hasBegun };
  }

  /** At the end of the session's line; one that nothing is in the way of has begun, and is for `Driving.give`. */
  async enqueue(session: AgentSessionRecord, prompt: Prompt, id: string): Promise<Enqueued> {
    return await this.#enqueue(session, { id, prompt, state: 'queued', expiresAt: null });
  }

  async #refuseBusy(sessionId: string): Promise<void> {
    const running = (await this.#foundation.store.turns.open(sessionId)).find(({ state }) => state === 'running');
    if (running !== undefined) throw sessionBusy(sessionId, running.id);
  }

  async #hold(
    session: AgentSessionRecord,
    { prompt, expiresAt }: { prompt: Prompt; expiresAt: number },
    id: string,
  ): Promise<Enqueued> {
    return await this.#enqueue(session, { id, prompt, state: 'waiting', expiresAt });
  }

  async #enqueue(session: AgentSessionRecord, turn: Entering): Promise<Enqueued> {
    const accepted = await this.#foundation.store.turns.enqueue(newTurn(session, turn), optionsFor(session));
    if (accepted === 'full') throw promptQueueFull(MAX_PROMPTS);
    return accepted;
  }

  /** What its worker told is looked at together with the line, because somebody waits. Undefined: a terminal has it, so the door is asked. */
  async #enqueueUnlessOpen(session: AgentSessionRecord, prompt: Prompt, id: string): Promise<Enqueued | undefined> {
    const turn = newTurn(session, { id, prompt, state: 'queued', expiresAt: null });
    const accepted = await this.#foundation.store.turns.enqueueUnlessOpen(turn, optionsFor(session));
    if (accepted === 'full') throw promptQueueFull(MAX_PROMPTS);
    return accepted === 'open' ? undefined : accepted;
  }

  async #turn(id: string): Promise<TurnRecord> {
    const turn = await this.#foundation.store.turns.get(id);
    if (turn === undefined) throw new Error('a prompt that was accepted is gone');
    return turn;
  }

  async #read(id: string): Promise<AgentSessionRecord> {
    const session = await this.#foundation.store.sessions.get(id);
    if (session === undefined) throw new Error('a fork that was made is gone');
    return session;
  }
}

/** An agent that is near has its prompt by then; else all that an answer takes would come in between. */
const given = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

type Entering = Pick<NewTurn, 'id' | 'state' | 'expiresAt'> & { readonly prompt: Prompt };

const newTurn = ({ id: sessionId, caller }: AgentSessionRecord, { prompt, ...turn }: Entering): NewTurn => ({
  ...turn,
  sessionId,
  caller,
  prompt: toJsonObject(prompt),
});

const optionsFor = ({ epoch }: AgentSessionRecord) => ({ most: MAX_PROMPTS, beginAt: epoch });

const viaOf = ({ via, waits }: Accepted): Sent['via'] => (via === 'resume' && waits ? 'queue' : via);
