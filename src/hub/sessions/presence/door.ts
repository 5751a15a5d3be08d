import { AppError } from '../../../errors/app-error.ts';
import { NotHere } from '../../../protocol/link.ts';
import type { AgentSessionRecord, TurnRecord } from '../../../store/agents/rows.ts';
import type { Foundation } from '../../foundation.ts';
import { toJsonObject } from '../../json.ts';
import { isLive } from '../drive.ts';
import { sessionOpenElsewhere } from '../errors.ts';
import { type Prompt, promptSchema } from '../prompt.ts';
import type { SessionLink } from '../session-link.ts';
import type { TerminalDesk } from '../terminals/terminal-desk.ts';
import { type OpenIn, openInOf, type PresenceBook } from './presence-book.ts';

const CHECK_TIMEOUT_MS = 30_000;
/** A prompt waits for its terminal no longer than this. */
const MOST_WAIT_MS = 24 * 60 * 60 * 1000;

/** How a prompt gets to its session: driven here, to a copy, or held until its terminal lets it. */
export type Way =
  | { readonly via: 'resume' | 'fork' }
  | { readonly via: 'queue' | 'channel'; readonly prompt: Prompt; readonly expiresAt: number };

interface Parts {
  readonly book: PresenceBook;
  readonly link: SessionLink;
  readonly terminals: Pick<TerminalDesk, 'hooksReach'>;
}

/**
 * Keeps prompts from sessions that their users have open in terminals: an agent that was resumed beside a terminal would write a second
 * branch, and the next prompt in the terminal would lose it without a word.
 */
export class Door {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Throws SESSION_OPEN_ELSEWHERE where the caller has chosen nothing else; CAPABILITY_UNSUPPORTED where no hook takes prompts. */
  async way(session: AgentSessionRecord, prompt: Prompt): Promise<Way> {
    const openIn = await this.#openNow(session);
    if (openIn === undefined) return { via: 'resume' };
    if (prompt.whenOpen === 'fork') return { via: 'fork' };
    return await this.#hold(session, prompt, openIn);
  }

  /**
   * For a prompt that was accepted and whose session turned out to be open when its agent was to have it. False when its caller has
   * not chosen to wait.
   */
  async hold(
    turn: Pick<TurnRecord, 'id'> & { prompt: object },
    session: AgentSessionRecord,
    openIn: OpenIn,
  ): Promise<boolean> {
    const prompt = promptSchema.parse(turn.prompt);
    if (prompt.whenOpen !== 'wait' && prompt.whenOpen !== 'queue') return false;
    const held = await this.#hold(session, prompt, openIn);
    return await this.#foundation.store.turns.hold(turn.id, {
      prompt: toJsonObject(held.prompt),
      expiresAt: held.expiresAt,
    });
  }

  async #hold(session: AgentSessionRecord, prompt: Prompt, openIn: OpenIn) {
    const expiresAt = (await this.#foundation.store.now()) + MOST_WAIT_MS;
    if (prompt.whenOpen === 'wait') return { via: 'queue', prompt, expiresAt } as const;
    if (prompt.whenOpen !== 'queue') throw sessionOpenElsewhere(session.id, openIn);
    await this.#requireHooks(session, prompt, openIn);
    return { via: 'channel', prompt: { ...prompt, deliver: 'stop_hook' }, expiresAt } as const;
  }

  async #requireHooks({ agent, agentSessionId, caller }: AgentSessionRecord, prompt: Prompt, openIn: OpenIn) {
    const named = { agentSessionId: agentSessionId ?? '', caller, since: openIn.since };
    if (!(await this.#parts.terminals.hooksReach(named)))
      throw new AppError('CAPABILITY_UNSUPPORTED', `${agent} does not support when_open: queue without its hooks`, {
        hint: 'run boxswain sessions hooks install where the terminal is, or use when_open: fork or wait',
      });
    if (prompt.attachments.length > 0)
      throw new AppError('CAPABILITY_UNSUPPORTED', `${agent} does not support attachments with when_open: queue`, {
        hint: 'leave them out, or use when_open: fork or wait',
      });
  }

  /** Looks anew: what was told last may be from before the user came or went. */
  async #openNow(session: AgentSessionRecord): Promise<OpenIn | undefined> {
    const { agent, agentSessionId, worker, workspaceId } = session;
    if (agentSessionId === null || workspaceId !== null) return undefined;
    if (isLive(session)) return await this.#parts.book.ofSession(session);
    try {
      const options = { timeoutMs: CHECK_TIMEOUT_MS };
      const { open } = await this.#parts.link.ask(worker, 'presence.check', { agent, agentSessionId }, options);
      return open === null ? undefined : openInOf(open);
    } catch (error) {
      // Its worker looks again before it starts anything.
      const isAway = error instanceof NotHere || (error instanceof AppError && error.code === 'WORKER_UNREACHABLE');
      if (isAway) return await this.#parts.book.ofSession(session);
      throw error;
    }
  }
}
