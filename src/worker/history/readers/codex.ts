import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { FoundPart, LineReader, LineReaderOptions, SessionSink } from '../found.ts';
import { oneLine } from './claude.ts';
import { isObject, kept, keptInput, numberOf, objectOf, objectsOf, parseObject, textOf, timeOf } from './fields.ts';

/** Lines of these types hold nothing for us; most are copies of what stands in response items. */
const skippedHead =
  /^\{"timestamp":"[^"]*",(?:"ordinal":\d+,)?"type":"(?:world_state|event_msg","payload":\{"type":"(?!token_count|thread_name))/;
const HEAD_BYTES = 120;
const known = new Set([
  'session_meta',
  'response_item',
  'event_msg',
  'turn_context',
  'token_usage_record',
  'compacted',
  'world_state',
  'inter_agent_communication_metadata',
]);
/** What the program writes in the user's name. */
const notPrompt = /^(?:<[a-z_]+|# AGENTS\.md instructions)/;

/** Reads `sessions/YYYY/MM/DD/rollout-*.jsonl` of Codex. */
export function codexReader({ state, counts, open }: LineReaderOptions): LineReader {
  let session = textOf(state.session);
  let sink: SessionSink | undefined = session === undefined ? undefined : open(session);
  let model = textOf(state.model);
  let parent = textOf(state.parent) ?? null;
  let ordinal = numberOf(state.ordinal);
  let hasPrompt = state.hasPrompt === true;
  /** Since some version each call has a record of its own; before, only running totals were written. */
  let hasRecords = state.hasRecords === true;

  function meta(payload: JsonObject): void {
    // A fork begins with its own and goes on with the copied ones of its ancestors.
    if (sink !== undefined) return;
    session = textOf(payload.id) ?? textOf(payload.session_id);
    if (session === undefined) return;
    sink = open(session);
    sink.facts({
      cwd: textOf(payload.cwd),
      createdAt: timeOf(payload.timestamp),
      forkedFrom: textOf(payload.forked_from_id),
    });
  }

  function item(target: SessionSink, payload: JsonObject, time: number): void {
    const type = textOf(payload.type);
    const isUser = payload.role === 'user' || type?.endsWith('_output') === true;
    if (payload.role === 'developer' || payload.role === 'system') return;
    const parts = itemParts(payload);
    const first = parts[0];
    if (first === undefined) return;
    const isMeta = isUser && first.type === 'text' && notPrompt.test(first.text);
    const uid = textOf(payload.id) ?? `line-${ordinal}`;
    target.message({
      uid,
      parent,
      role: isUser ? 'user' : 'assistant',
      time,
      model: isUser ? undefined : model,
      isMeta,
      parts,
    });
    parent = uid;
    if (!hasPrompt && isUser && !isMeta && first.type === 'text') {
      hasPrompt = true;
      target.facts({ title: oneLine(first.text) }, 'prompt');
    }
  }

  function used(target: SessionSink, { payload, time }: { payload: JsonObject; time: number }): void {
    hasRecords = true;
    const id = textOf(payload.response_id);
    const isCopy = textOf(payload.thread_id) !== session;
    if (id !== undefined) target.call({ id, time, model: model ?? '', isCopy, ...tokensOf(objectOf(payload.usage)) });
  }

  function event(target: SessionSink, { payload, time }: { payload: JsonObject; time: number }): void {
    if (payload.type === 'thread_name_updated') target.facts({ title: textOf(payload.thread_name) }, 'user');
    const info = objectOf(payload.info);
    if (payload.type !== 'token_count' || hasRecords || !isObject(info.last_token_usage)) return;
    const total = numberOf(objectOf(info.total_token_usage).total_tokens);
    target.call({ id: `${session}:${total}`, time, model: model ?? '', ...tokensOf(info.last_token_usage) });
  }

  return {
    read(line) {
      ordinal++;
      if (skippedHead.test(line.toString('latin1', 0, Math.min(HEAD_BYTES, line.length)))) return;
      const row = parseObject(line.toString('utf8'));
      if (row === undefined) {
        counts.bad++;
        return;
      }
      const type = textOf(row.type);
      if (type === undefined || !known.has(type)) counts.unknown++;
      const payload = objectOf(row.payload);
      if (type === 'session_meta') meta(payload);
      if (type === 'turn_context') {
        model = textOf(payload.model) ?? model;
        sink?.facts({ model });
      }
      if (sink === undefined) return;
      const time = timeOf(row.timestamp) ?? 0;
      if (type === 'response_item') item(sink, payload, time);
      if (type === 'token_usage_record') used(sink, { payload, time });
      if (type === 'event_msg') event(sink, { payload, time });
    },
    state: () => ({ session: session ?? null, model: model ?? null, parent, ordinal, hasPrompt, hasRecords }),
  };
}

/** Codex counts what came from caches among the input. */
function tokensOf(usage: JsonObject) {
  const cacheReadTokens = numberOf(usage.cached_input_tokens);
  const cacheWriteTokens = numberOf(usage.cache_write_input_tokens);
  return {
    inputTokens: Math.max(0, numberOf(usage.input_tokens) - cacheReadTokens - cacheWriteTokens),
    outputTokens: numberOf(usage.output_tokens),
    cacheReadTokens,
    cacheWriteTokens,
  };
}

function itemParts(payload: JsonObject): FoundPart[] {
  const type = textOf(payload.type) ?? '';
  if (type === 'message') return objectsOf(payload.content).map(block => ({ type: 'text', ...kept(blockText(block)) }));
  if (type === 'reasoning') {
    const text = [...objectsOf(payload.summary), ...objectsOf(payload.content)]
      .map(block => textOf(block.text) ?? '')
      .join('\n');
    return text === '' ? [] : [{ type: 'thinking', ...kept(text) }];
  }
  const call = textOf(payload.call_id) ?? textOf(payload.id) ?? '';
  if (type.endsWith('_call_output')) {
    const output = payload.output;
    return [{ type: 'tool_result', call, ...renamed(kept(outputText(output))) }];
  }
  if (type.endsWith('_call')) {
    const tool = textOf(payload.name) ?? type.slice(0, -'_call'.length);
    return [{ type: 'tool_use', call, tool, ...keptInput(inputOf(payload)) }];
  }
  return [];
}

const blockText = (block: JsonObject): string => textOf(block.text) ?? `[${textOf(block.type) ?? 'unknown'}]`;
const renamed = ({ text, truncated }: { text: string; truncated?: true }) => ({ content: text, truncated });

function inputOf(payload: JsonObject): JsonObject {
  const text = textOf(payload.arguments);
  if (text !== undefined) return parseObject(text) ?? { arguments: text };
  if (typeof payload.input === 'string') return { input: payload.input };
  return objectOf(payload.action);
}

function outputText(output: Json | undefined): string {
  if (typeof output === 'string') return output;
  if (Array.isArray(output)) return objectsOf(output).map(blockText).join('\n');
  return textOf(objectOf(output).content) ?? JSON.stringify(output ?? '');
}
