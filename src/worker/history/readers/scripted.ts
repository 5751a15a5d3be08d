import type { JsonObject } from '../../../protocol/json.ts';
import type { FoundMessage, FoundPart, LineReader, LineReaderOptions, SessionSink } from '../found.ts';
import { oneLine } from './claude.ts';
import { kept, keptInput, numberOf, objectOf, objectsOf, parseObject, textOf } from './fields.ts';

const ROLES = new Set(['user', 'assistant', 'system']);

/** Reads `<id>.jsonl` of the scripted agent, whose lines hold messages in our own words. */
export function scriptedReader({ state, counts, open }: LineReaderOptions): LineReader {
  let session = textOf(state.session);
  let sink: SessionSink | undefined = session === undefined ? undefined : open(session);
  let parent = textOf(state.parent) ?? null;
  let model = textOf(state.model);
  let time = numberOf(state.time);
  let calls = numberOf(state.calls);
  let hasPrompt = state.hasPrompt === true;

  function begin(row: JsonObject): void {
    session = textOf(row.id);
    if (session === undefined) return;
    sink = open(session);
    time = numberOf(row.createdAt);
    sink.facts({ cwd: textOf(row.cwd), createdAt: time, forkedFrom: textOf(row.forkedFrom) });
  }

  function message(target: SessionSink, row: JsonObject): void {
    const found = messageOf(objectOf(row.message), parent);
    if (found === undefined) return;
    target.message(found);
    parent = found.uid;
    time = found.time;
    model = found.model ?? model;
    const first = found.parts[0];
    if (hasPrompt || found.role !== 'user' || first?.type !== 'text') return;
    hasPrompt = true;
    target.facts({ title: oneLine(first.text) }, 'prompt');
  }

  /** Each turn writes what it used. */
  function used(target: SessionSink, usage: JsonObject): void {
    const { costUsd } = usage;
    const counted = {
      inputTokens: numberOf(usage.inputTokens),
      outputTokens: numberOf(usage.outputTokens),
      cacheReadTokens: numberOf(usage.cacheReadTokens),
      cacheWriteTokens: numberOf(usage.cacheWriteTokens),
    };
    calls++;
    if (costUsd === null && Object.values(counted).every(tokens => tokens === 0)) return;
    const cost = typeof costUsd === 'number' ? { costUsd } : {};
    target.call({ id: `${session}:${calls}`, model: model ?? '', time, ...counted, ...cost });
    target.facts({ model });
  }

  return {
    read(line) {
      const row = parseObject(line.toString('utf8'));
      if (row === undefined) counts.bad++;
      else if (row.type === 'session') begin(row);
      else if (sink === undefined) counts.unknown++;
      else if (row.type === 'message') message(sink, row);
      else if (row.type === 'title') sink.facts({ title: textOf(row.title) }, 'agent');
      else if (row.type === 'usage') used(sink, objectOf(row.usage));
      else counts.unknown++;
    },
    state: () => ({ session: session ?? null, parent, model: model ?? null, time, calls, hasPrompt }),
  };
}

function messageOf(row: JsonObject, parent: string | null): FoundMessage | undefined {
  const uid = textOf(row.id);
  const role = textOf(row.role);
  if (uid === undefined || role === undefined || !ROLES.has(role)) return undefined;
  const time = numberOf(objectOf(row.time).created);
  const parts = objectsOf(row.parts).flatMap(part => partOf(part) ?? []);
  const said = role === 'user' || role === 'assistant' ? role : 'system';
  return { uid, parent, role: said, time, model: textOf(row.model), parts };
}

function partOf(part: JsonObject): FoundPart | undefined {
  const { type } = part;
  if (type === 'text' || type === 'thinking') return { type, ...kept(textOf(part.text) ?? '') };
  if (type === 'tool_result') {
    const { text, truncated } = kept(textOf(part.content) ?? '');
    return { type, call: textOf(part.toolUseId) ?? '', content: text, isError: part.isError === true, truncated };
  }
  if (type !== 'tool_use') return undefined;
  const { text, truncated } = kept(textOf(part.resultText) ?? '');
  const state = part.state === 'completed' || part.state === 'error' ? part.state : 'running';
  const call = { call: textOf(part.id) ?? '', tool: textOf(part.tool) ?? '', ...keptInput(objectOf(part.input)) };
  return { type, ...call, state, resultText: text, ...(truncated && { truncated }) };
}
