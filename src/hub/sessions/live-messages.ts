import type { SessionMessages } from '../../protocol/history.ts';
import type { Message } from '../../protocol/sessions.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import { streamOf } from '../../store/agents/session-logs.ts';
import type { EventStore } from '../../store/events/store.ts';
import { isLive } from './drive.ts';
import { MessageFold } from './message-fold.ts';
import { ofSession, shortened } from './recorded-messages.ts';

/** Events of a turn or more. */
const TAIL = 2_000;
/** After that what was said stands in the transcript and in the index of it. */
const SETTLED_MS = 10_000;

/** Agents whose messages have the same ids live and in their transcripts. */
const NAMES_ALIKE: ReadonlySet<string> = new Set(['claude', 'scripted']);
export const namesAlike = ({ agent }: AgentSessionRecord): boolean => NAMES_ALIKE.has(agent);

interface Reading {
  readonly limit: number;
  readonly before?: string;
  readonly maxPartChars: number;
}

/**
 * What a transcript tells of a session that is driven here, in the session's own name. While it is driven, what its events tell is
 * newer than what was read of the transcript, where messages and parts have the same ids in both.
 */
export async function withLiveMessages(
  past: SessionMessages,
  {
    session,
    reading,
    events,
  }: { session: AgentSessionRecord; reading: Reading; events: Pick<EventStore, 'read' | 'lastSeq'> },
): Promise<SessionMessages> {
  const read = { ...past, messages: past.messages.map(message => ofSession(message, session.id)) };
  const isMoving = isLive(session) || Date.now() - session.updatedAt < SETTLED_MS;
  if (reading.before !== undefined || !isMoving || !namesAlike(session)) return read;
  const fold = new MessageFold();
  const last = await events.lastSeq(streamOf(session.id));
  for (const event of await events.read(streamOf(session.id), Math.max(0, last - TAIL), TAIL)) fold.apply(event);
  const live = fold.messages.filter(({ isSidechain }) => isSidechain !== true);
  const messages = merged(
    read.messages,
    live.map(message => shortened(message, reading.maxPartChars)),
  );
  const shown = messages.slice(-reading.limit);
  const hasMore = past.hasMore || shown.length < messages.length;
  return { ...read, messages: shown, hasMore, before: hasMore ? (shown[0]?.id ?? null) : null };
}

/** What both know is as far as the one that has more of it; what only the events know comes after it. */
function merged(past: readonly Message[], live: readonly Message[]): Message[] {
  const byId = new Map(live.map(message => [message.id, message]));
  const known = past.map(message => {
    const { parts, ...newer } = byId.get(message.id) ?? message;
    return { ...message, ...newer, parts: parts.length < message.parts.length ? message.parts : parts };
  });
  const ids = new Set(past.map(({ id }) => id));
  const common = live.findLastIndex(({ id }) => ids.has(id));
  const newest = Math.max(0, ...past.map(({ time }) => time.created));
  const later = common < 0 ? live.filter(({ time }) => time.created >= newest) : live.slice(common + 1);
  return [...known, ...later];
}
