import { z } from 'zod';
import { json } from '../../../protocol/json.ts';
import type { Message, Part } from '../../../protocol/sessions.ts';
import type { FoundPart, Relink } from '../found.ts';

const truncated = z.boolean().optional();
const input = z.record(z.string(), json);

const foundParts = z.array(
  z.discriminatedUnion('type', [
    z.object({ type: z.enum(['text', 'thinking']), text: z.string(), truncated }),
    z.object({
      type: z.literal('tool_use'),
      call: z.string(),
      tool: z.string(),
      input,
      state: z.enum(['running', 'completed', 'error']).optional(),
      resultText: z.string().optional(),
      truncated,
    }),
    z.object({
      type: z.literal('tool_result'),
      call: z.string(),
      content: z.string(),
      isError: z.boolean().optional(),
      truncated,
    }),
    z.object({ type: z.literal('system'), subtype: z.string(), data: input }),
  ]),
);
const foundRelink = z.object({ anchor: z.string(), kept: z.array(z.string()), areAll: z.boolean() });

/** Parts as they were written into the index. */
export const storedParts = (text: string): FoundPart[] => foundParts.parse(JSON.parse(text));

export const storedRelink = (text: string): Relink => foundRelink.parse(JSON.parse(text));

export interface StoredMessage {
  readonly id: number;
  readonly session: number;
  readonly uid: string;
  readonly parent: string | null;
  readonly role: string;
  readonly flags: number;
  readonly time: number;
  readonly model: string | null;
  readonly answer: string | null;
  readonly parts: string;
}

/** What became of a call of a tool. */
export interface ToolEnd {
  readonly state: 'running' | 'completed' | 'error';
  readonly resultText?: string;
}

export interface ShownAs {
  readonly sessionId: string;
  readonly maxPartChars: number;
  readonly isSidechain: boolean;
  /** Of an answer that is written as several messages: how many parts the earlier ones have. */
  readonly earlierParts?: number;
  /** Of a call whose end stands in another message. */
  readonly endOf: (call: string) => ToolEnd;
}

/** What callers know a message by: a piece of an answer by the answer, as they do who heard it live. */
export const shownId = ({ uid, role, answer }: Pick<StoredMessage, 'uid' | 'role' | 'answer'>): string =>
  role === 'assistant' ? (answer ?? uid) : uid;

/** A message in the words of the protocol. */
export function shownMessage(stored: StoredMessage, shown: ShownAs): Message {
  const { parent, role, time, model } = stored;
  const id = shownId(stored);
  const { earlierParts = 0 } = shown;
  return {
    id,
    sessionId: shown.sessionId,
    role: role === 'user' || role === 'assistant' ? role : 'system',
    model: model ?? undefined,
    parentId: parent ?? undefined,
    isSidechain: shown.isSidechain || undefined,
    time: { created: time },
    parts: storedParts(stored.parts).map((part, at) =>
      shownPart(part, { ...shown, messageId: id, at: earlierParts + at }),
    ),
  };
}

function shownPart(part: FoundPart, shown: ShownAs & { messageId: string; at: number }): Part {
  const { messageId, sessionId, at, maxPartChars: max } = shown;
  const ids = { id: `${messageId}:${at}`, messageId, sessionId };
  if (part.type === 'system') return { ...ids, type: part.type, subtype: part.subtype, data: part.data };
  const cut = { truncated: part.truncated || undefined };
  const short = (text: string): string => {
    if (text.length <= max) return text;
    cut.truncated = true;
    return text.slice(0, max);
  };
  if (part.type === 'tool_result') {
    const { call, content, isError } = part;
    const shownContent = short(content);
    return { ...ids, type: part.type, toolUseId: call, content: shownContent, isError, ...cut };
  }
  if (part.type !== 'tool_use') {
    const text = short(part.text);
    return { ...ids, type: part.type, text, ...cut };
  }
  const { state, resultText } = part.state === undefined ? shown.endOf(part.call) : { ...part, state: part.state };
  const result = resultText === undefined ? undefined : short(resultText);
  const values = Object.entries(part.input).map(([key, value]) => [
    key,
    typeof value === 'string' ? short(value) : value,
  ]);
  // The agent's own id of the call: what its result names.
  const id = part.call === '' ? ids.id : part.call;
  return {
    ...ids,
    id,
    type: part.type,
    tool: part.tool,
    input: Object.fromEntries(values),
    state,
    resultText: result,
    ...cut,
  };
}
