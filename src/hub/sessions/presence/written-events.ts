import type { WrittenMessage } from '../../../protocol/presence.ts';
import type { Message, Part } from '../../../protocol/sessions.ts';
import type { MirrorPosition } from '../../../store/agents/presence.ts';
import type { NewSessionEvent } from '../../../store/agents/store.ts';
import type { JsonObject } from '../../../store/rows.ts';

/** What Claude Code writes where a user broke a turn off. */
const INTERRUPTED = '[Request interrupted by user';

/** Where a turn in a terminal stands: which prompt began it, and whether the model has had the last word. */
export type Standing = Pick<MirrorPosition, 'turn' | 'isSaid'>;

/**
 * What others wrote into a transcript as events, in the same shape as what is driven here, with the ends of turns that were followed
 * by another prompt or broken off. Whether the last turn is over is not in the transcript.
 */
export function eventsOfWritten(
  written: readonly WrittenMessage[],
  { sessionId, standing }: { sessionId: string; standing: Standing },
): { events: NewSessionEvent[]; standing: Standing } {
  const events: NewSessionEvent[] = [];
  let { turn, isSaid } = standing;
  for (const { message, isMore, settled } of written) {
    const prompts = isPrompt(message);
    if (prompts && turn !== null && isSaid) {
      events.push(idleOf(turn, 'completed'));
      turn = null;
    }
    events.push(
      ...settled.flatMap(part => partEvents(withSession(part, sessionId))),
      ...messageEvents(message, { sessionId, isMore }),
    );
    if (prompts) turn ??= message.id;
    isSaid = message.role === 'assistant' && message.parts.every(({ type }) => type === 'text');
    if (turn !== null && isInterruption(message)) {
      events.push(idleOf(turn, 'aborted'));
      turn = null;
    }
  }
  return { events, standing: { turn, isSaid } };
}

export const idleOf = (turnId: string, outcome: 'completed' | 'aborted'): NewSessionEvent => ({
  type: 'session.idle',
  body: { turnId, result: { outcome } },
});

function messageEvents(
  message: Message,
  { sessionId, isMore }: { sessionId: string; isMore: boolean },
): NewSessionEvent[] {
  const parts = message.parts.map(part => withSession(part, sessionId));
  const own = { ...message, sessionId };
  if (message.role !== 'assistant') return [{ type: 'message.created', body: { message: plain({ ...own, parts }) } }];
  const created = { type: 'message.created', body: { message: plain({ ...own, parts: [] }) } };
  return [...(isMore ? [] : [created]), ...parts.flatMap(partEvents)];
}

function partEvents(part: Part): NewSessionEvent[] {
  const { id: partId, messageId } = part;
  const updated = { type: 'message.part.updated', body: { messageId, part: plain(part) } };
  if (part.type === 'tool_use' && part.state === 'running') return [updated];
  return [updated, { type: 'message.part.completed', body: { messageId, partId } }];
}

const withSession = (part: Part, sessionId: string): Part => ({ ...part, sessionId });

const isPrompt = (message: Message): boolean =>
  message.role === 'user' && !message.parts.some(({ type }) => type === 'tool_result') && !isInterruption(message);

const isInterruption = ({ role, parts }: Message): boolean =>
  role === 'user' && parts.some(part => part.type === 'text' && part.text.startsWith(INTERRUPTED));

/** As plain JSON: fields that are undefined are left out. */
const plain = (value: object): JsonObject => JSON.parse(JSON.stringify(value));
