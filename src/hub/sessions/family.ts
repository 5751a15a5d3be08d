import { AppError } from '../../errors/app-error.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { NewAgentSession, Prompting, TurnNotice } from '../../store/agents/store.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { Foundation } from '../foundation.ts';
import { toJsonObject } from '../json.ts';
import { MAX_PROMPTS } from './prompt-desk.ts';
import { lastWords, promptOfEnd } from './reports-to-parents.ts';
import type { SessionLog } from './session-log.ts';

/** Ends that are told of in one go. */
const AT_A_TIME = 50;

/** What a parent hears of the ends of its child's turns: an event in its log, or a prompt too. */
export type WhenDone = 'event' | 'prompt';
/** In the metadata of a child. */
const WHEN_DONE = 'whenDone';

interface Parts {
  readonly log: SessionLog;
  /** A session has got a prompt. */
  prompted(sessionId: string): void;
}

/**
 * Sessions that sessions have begun. That a parent is to hear of an end is written with the end itself, and that it has heard with what
 * it hears; so each end reaches it once, whichever hub dies at which moment.
 */
export class Family {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  /** A look that is under way, and whether there is reason for another. */
  #look: Promise<void> | undefined;
  #isStale = false;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    foundation.background.every(foundation.timing.sweepMs, 'tell parents of sessions', () => this.#tellAll());
  }

  /** Something has ended in a session that has a parent. */
  changed(): void {
    this.#isStale = true;
    if (this.#look !== undefined) return;
    this.#look = this.#lookAgain();
    this.#foundation.background.run('tell the parent of a session', () => this.#look ?? Promise.resolve());
  }

  /** Throws POLICY_DENIED for one that is too deep, CAPACITY_EXCEEDED for one too many. */
  async insert(row: NewAgentSession, { whenDone = 'event' }: { whenDone?: WhenDone }): Promise<AgentSessionRecord> {
    const { store, config, limits } = this.#foundation;
    const { parentId } = row;
    const perCaller = limits.of(row.caller)?.sessions;
    if (parentId === null) return await store.sessions.insert(row, { perCaller });
    await this.#refuseTooDeep(parentId);
    const most = config.sessions.max_children;
    const metadata = { ...row.metadata, [WHEN_DONE]: whenDone };
    const inserted = await store.family.insertChild({ ...row, parentId, metadata }, { most, perCaller });
    if (inserted !== 'full') return inserted;
    throw new AppError('CAPACITY_EXCEEDED', `Session ${parentId} has ${most} children, which is its cap`, {
      hint: 'end one with dispose_session; the operator sets sessions.max_children',
      details: { cap: most, retry_after_seconds: 5 },
    });
  }

  async #refuseTooDeep(parentId: string): Promise<void> {
    const most = this.#foundation.config.sessions.max_depth;
    let depth = 0;
    for (let id: string | null = parentId; id !== null && depth <= most; depth += 1)
      id = (await this.#foundation.store.sessions.get(id))?.parentId ?? null;
    if (depth <= most) return;
    throw new AppError('POLICY_DENIED', `Session ${parentId} is ${most} levels deep, where sessions begin no others`, {
      hint: 'let its parent create the session; the operator sets sessions.max_depth',
      details: { max_depth: most },
    });
  }

  async #lookAgain(): Promise<void> {
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#tellAll();
      }
    } finally {
      this.#look = undefined;
    }
  }

  async #tellAll(): Promise<void> {
    const { family } = this.#foundation.store;
    for (const notice of await family.notices(AT_A_TIME)) await this.#tellTurn(notice);
    for (const child of await family.ended(AT_A_TIME)) await this.#tellEnd(child);
  }

  async #tellTurn({ turn, isTold }: TurnNotice): Promise<void> {
    const { store, log } = this.#foundation;
    const child = await store.sessions.get(turn.sessionId);
    const parent = child?.parentId ? await store.sessions.get(child.parentId) : undefined;
    if (child === undefined || parent === undefined) {
      log.warn({ session: turn.sessionId }, 'the parent of a session is gone, and hears no more of it');
      return await store.family.settle(turn.id);
    }
    const wantsPrompt = child.metadata[WHEN_DONE] === 'prompt';
    const refusal = wantsPrompt ? whyNotPrompted(parent) : undefined;
    // What it was promised before it was closed, it does not get any more.
    if (isTold && refusal !== undefined) {
      const body = { turnId: promptId(turn.id), childSessionId: child.id, reason: refusal };
      await this.#parts.log.append(parent.id, [{ type: 'prompt.expired', body }]);
      return await store.family.settle(turn.id);
    }
    const promptText =
      wantsPrompt && refusal === undefined ? promptOfEnd(child, turn, await lastWords(store.events, turn)) : undefined;
    const prompt = promptText === undefined ? undefined : { text: promptText, attachments: [], whenOpen: 'wait' };
    const event = (prompting: Prompting) => ({
      type: 'child.idle',
      body: {
        childSessionId: child.id,
        turnId: turn.id,
        result: turn.result ?? { outcome: turn.state },
        ...(wantsPrompt && promptingOf(prompting, { id: promptId(turn.id), refusal })),
      },
    });
    const told = await store.family.tellTurn(turn.id, {
      parent,
      event,
      ...(prompt && { prompt: { id: promptId(turn.id), body: toJsonObject(prompt), most: MAX_PROMPTS } }),
    });
    if (told === undefined) return;
    if (!isTold) await this.#parts.log.wake(parent.id);
    if (told === 'now') this.#parts.prompted(parent.id);
  }

  async #tellEnd(child: AgentSessionRecord): Promise<void> {
    const { store } = this.#foundation;
    const { id: childSessionId, parentId, status, statusReason } = child;
    const parent = parentId === null ? undefined : await store.sessions.get(parentId);
    if (parent === undefined) return;
    const body = { childSessionId, status, ...(statusReason !== null && { statusReason }) };
    if (await store.family.tellEnd(child, { parent, event: { type: 'child.ended', body } }))
      await this.#parts.log.wake(parent.id);
  }
}

const promptId = (turnId: string): string => `${turnId}-parent`;

/** A prompt would start it anew; whoever ended it did not want that. One that is parked, or open in a terminal, gets it in time. */
function whyNotPrompted({ id, status }: AgentSessionRecord): string | undefined {
  return status === 'closed' || status === 'failed' ? `Session ${id} is ${status}` : undefined;
}

function promptingOf(prompting: Prompting, { id, refusal }: { id: string; refusal: string | undefined }): JsonObject {
  if (prompting === 'now') return { prompted: true, promptTurnId: id };
  const reason = refusal ?? 'too many prompts wait already; it gets this one when there is room';
  return { prompted: false, reason };
}
