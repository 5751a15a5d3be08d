import { AppError } from '../../errors/app-error.ts';
import type { Message, Part } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import { streamOf } from '../../store/agents/session-logs.ts';
import type { EventStore } from '../../store/events/store.ts';
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

type Told = Pick<AgentSessionRecord, 'id' | 'workspaceId' | 'forkedFrom' | 'atMessageId'>;

interface Records {
  readonly events: Pick<EventStore, 'read'>;
  readonly sessions: { get(id: string): Promise<Told | undefined> };
}

/**
 * The conversation as the events of the session tell it, as far back as these are kept: for sessions whose transcripts no worker's
 * index has, such as those inside workspaces.
 */
export async function recordedMessages(
  records: Records,
  session: Told,
  { limit, before, maxPartChars }: Reading,
): Promise<RecordedMessages> {
  const all = await messagesTold(records, session);
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

/** A copy of a session in a workspace begins with what the events of that tell, up to where it was copied. */
async function messagesTold(records: Records, session: Told): Promise<Message[]> {
  const { id, workspaceId, forkedFrom, atMessageId } = session;
  const own = await foldOf(records.events, id);
  const isCopy = workspaceId !== null && forkedFrom !== null && atMessageId !== null;
  const original = isCopy ? await records.sessions.get(forkedFrom) : undefined;
  if (original === undefined) return own;
  const earlier = await messagesTold(records, original);
  const end = earlier.findIndex(message => message.id === atMessageId);
  return [...earlier.slice(0, end + 1).map(message => ofSession(message, id)), ...own];
}

async function foldOf(events: Records['events'], sessionId: string): Promise<Message[]> {
  const fold = new MessageFold();
  for (let after = 0; ; ) {
    const page = await events.read(streamOf(sessionId), after, PAGE);
    for (const event of page) fold.apply(event);
    after = page.at(-1)?.seq ?? after;
    if (page.length < PAGE) return fold.messages;
  }
}

/** In the name of another session that has it too. */
export const ofSession = (message: Message, sessionId: string): Message => ({
  ...message,
  sessionId,
  parts: message.parts.map(part => ({ ...part, sessionId })),
});

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
