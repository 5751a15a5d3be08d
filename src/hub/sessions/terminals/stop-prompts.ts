import { promptDelivery } from '../../../store/agents/prompt-delivery.ts';
import type { TurnEndState, TurnRecord } from '../../../store/agents/rows.ts';
import type { NewSessionEvent } from '../../../store/agents/store.ts';
import type { JsonObject } from '../../../store/rows.ts';
import type { Foundation } from '../../foundation.ts';
import { promptSchema } from '../prompt.ts';
import type { Mirror } from '../presence/mirror.ts';
import type { SessionLog } from '../session-log.ts';

const TELL_MS = 2_000;

/**
 * Prompts that their callers chose to queue for a session which is open in a terminal: each is given as the reason why the terminal's
 * turn goes on instead of ending. Such a turn ends when the terminal's does.
 */
export class StopPrompts {
  readonly #foundation: Foundation;
  readonly #log: SessionLog;
  readonly #mirror: Pick<Mirror, 'looked'>;

  constructor(foundation: Foundation, { log, mirror }: { log: SessionLog; mirror: Pick<Mirror, 'looked'> }) {
    this.#foundation = foundation;
    this.#log = log;
    this.#mirror = mirror;
  }

  /** The reply to the end of a turn: the next prompt that waits for it, if there is one. */
  async atStop(sessionId: string, gone: AbortSignal): Promise<JsonObject> {
    await this.#endRunning(sessionId, 'completed');
    const waiting = await this.#foundation.store.turns.open(sessionId);
    // The end of what the terminal itself was asked comes before the next prompt: whoever follows that one must not take it for its own.
    if (waiting.some(isForTerminal)) await this.#tellRest(sessionId);
    const turn = await this.#foundation.store.terminals.takePrompt(sessionId);
    if (turn === undefined) return {};
    const { text } = promptSchema.parse(turn.prompt);
    if (!gone.aborted) return { decision: 'block', reason: text };
    await this.#foundation.store.terminals.returnPrompt(turn.id);
    return {};
  }

  /** The terminal has left the session: whatever it was doing with a prompt is over. */
  async atEnd(sessionId: string): Promise<void> {
    await this.#endRunning(sessionId, 'interrupted');
  }

  async #endRunning(sessionId: string, state: Extract<TurnEndState, 'completed' | 'interrupted'>): Promise<void> {
    const { turns } = this.#foundation.store;
    const ending = (await turns.open(sessionId)).filter(isInTerminal);
    if (ending.length > 0) await this.#tellRest(sessionId);
    for (const turn of ending) await this.#end(turn, state);
  }

  /** What was said in a turn is told before its end, as far as its worker can tell in a moment: the terminal waits for the reply. */
  async #tellRest(sessionId: string): Promise<void> {
    const { background } = this.#foundation;
    const told = new Promise<void>(resolve =>
      background.run('tell the rest of a turn', () =>
        this.#mirror.looked(sessionId, { isLast: true }).finally(resolve),
      ),
    );
    await Promise.race([told, background.pause(TELL_MS)]);
  }

  async #end({ id, sessionId }: TurnRecord, state: 'completed' | 'interrupted'): Promise<void> {
    const error = 'the terminal was closed while it had this prompt; how far it came is not known';
    const result: JsonObject = state === 'completed' ? { outcome: state } : { outcome: state, error };
    if (!(await this.#foundation.store.turns.end({ id, state, result }))) return;
    const failed: NewSessionEvent = { type: 'session.error', body: { error, code: 'SESSION_FAILED' } };
    const idle: NewSessionEvent = { type: 'session.idle', body: { turnId: id, result } };
    await this.#log.append(sessionId, state === 'completed' ? [idle] : [failed, idle]);
  }
}

const isForTerminal = ({ state, prompt }: TurnRecord): boolean =>
  state === 'waiting' && promptDelivery(prompt) === 'stop_hook';

/** A terminal has its prompt, and no driver of ours. */
export const isInTerminal = ({ state, prompt }: TurnRecord): boolean =>
  state === 'running' && promptDelivery(prompt) === 'stop_hook';
