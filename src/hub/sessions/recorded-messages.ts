import { AppError } from '../../errors/app-error.ts';
import type { Message, Part } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import { streamOf } from '../../store/agents/sessions.ts';
import type { EventStore } from '../../store/store.ts';
import { MessageFold } from './message-fold.ts';

const PAGE = 1000;
/** Of a session that is told from its events alone. */
const MOST_EVENTS = 20_000;

interface Reading {
  readonly limit: number;
  /** Id of a message: only those before it. */
  readonly before?: string;
  readonly maxPartChars: number;
}

export interface RecordedMessages {
  readonly messages: Message[];
  readonly hasMore: boolean;
  readonly before: string | null;
}

/**
 * The conversation as the events of the session tell it, as far back as these are kept: for sessions whose transcripts no worker's
 * index has, such as those inside workspaces.
 */
export async function recordedMessages(
  events: Pick<EventStore, 'read'>,
  sessionId: string,
  { limit, before, maxPartChars }: Reading,
): Promise<RecordedMessages> {
  const fold = new MessageFold();
  for (let after = 0; ; ) {
    const page = await events.read(streamOf(sessionId), after, PAGE);
    for (const event of page) fold.apply(event);
    after = page.at(-1)?.seq ?? after;
    if (page.length < PAGE) break;
  }
  const all = fold.messages;
  const end = before === undefined ? all.length : all.findIndex(({ id }) => id === before);
  if (end < 0) throw new AppError('VALIDATION_ERROR', 'before is no message of this session');
  const earlier = all.slice(0, end);
  const shown = earlier.slice(-limit);
  const hasMore = shown.length < earlier.length;
  return {
    messages: shown.map(message => shortened(message, maxPartChars)),
    hasMore,
    before: hasMore ? (shown[0]?.id ?? null) : null,
  };
}

/** From its beginning on, and not so much that reading all of it would take long. */
export async function isWhollyRecorded(
  events: Pick<EventStore, 'read' | 'lastSeq'>,
  { id, forkedFrom }: AgentSessionRecord,
): Promise<boolean> {
  if (forkedFrom !== null || (await events.lastSeq(streamOf(id))) > MOST_EVENTS) return false;
  const [first] = await events.read(streamOf(id), 0, 1);
  return first?.seq === 1;
}

/** With parts of at most so many characters. */
export const shortened = (message: Message, most: number): Message => ({
  ...message,
  parts: message.parts.map(part => cut(part, most)),
});

function cut(part: Part, most: number): Part {
  const isLong = (text: string | undefined): text is string => text !== undefined && text.length > most;
  if ((part.type === 'text' || part.type === 'thinking') && isLong(part.text))
    return { ...part, text: part.text.slice(0, most), truncated: true };
  if (part.type === 'tool_use' && isLong(part.resultText))
    return { ...part, resultText: part.resultText.slice(0, most), truncated: true };
  if (part.type === 'tool_result' && isLong(part.content))
    return { ...part, content: part.content.slice(0, most), truncated: true };
  return part;
}
