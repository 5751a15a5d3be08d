import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { FoundMessage, FoundPart, LineReader, LineReaderOptions, SessionSink } from '../found.ts';
import { oneLine } from './claude.ts';
import { kept, keptInput, numberOf, objectOf, objectsOf, parseObject, textOf, timeOf } from './fields.ts';

/** What the program writes in the user's name. */
const CONTEXT = '<session_context>';

/** Reads `tmp/<project>/chats/session-*.jsonl` of Gemini CLI, and the one-object `.json` files of its earlier versions. */
export function geminiReader({ path, state, counts, open }: LineReaderOptions): LineReader {
  let session = textOf(state.session);
  let sink: SessionSink | undefined = session === undefined ? undefined : open(session);
  let parent = textOf(state.parent) ?? null;
  let hasPrompt = state.hasPrompt === true;

  function header(row: JsonObject): void {
    if (sink !== undefined) return;
    session = textOf(row.sessionId);
    if (session === undefined) return;
    sink = open(session);
    sink.facts({ cwd: projectPath(path), createdAt: timeOf(row.startTime) });
  }

  function message(target: SessionSink, row: JsonObject, isUpdate: boolean): void {
    const found = messageOf(row, parent);
    if (found === undefined) return;
    // A message is written again when its tools have run: it stays where it is.
    if (isUpdate) target.message(found);
    else target.messageIfAbsent(found);
    if (found.uid !== parent) parent = found.uid;
    used({ target, row, session: session ?? '', uid: found.uid, time: found.time });
    const first = found.parts[0];
    if (!hasPrompt && found.role === 'user' && found.isMeta !== true && first?.type === 'text') {
      hasPrompt = true;
      target.facts({ title: oneLine(first.text) }, 'prompt');
    }
  }

  function parsed(row: JsonObject): void {
    if (row.sessionId !== undefined && row.type === undefined) header(row);
    if (sink === undefined) {
      counts.unknown++;
      return;
    }
    for (const one of objectsOf(row.messages)) message(sink, one, true);
    const changed = objectOf(row.$set);
    // What is set again on a resume lacks tokens and models that stand in the first writing.
    for (const one of objectsOf(changed.messages)) message(sink, one, false);
    const summary = textOf(changed.summary) ?? textOf(row.summary);
    if (summary !== undefined && summary !== '') sink.facts({ title: oneLine(summary) }, 'summary');
    const rewound = textOf(row.$rewindTo);
    if (rewound !== undefined) parent = rewound;
    if (row.type !== undefined && row.id !== undefined) message(sink, row, true);
  }

  return {
    read(line) {
      const row = parseObject(line.toString('utf8'));
      if (row === undefined) counts.bad++;
      else parsed(row);
    },
    state: () => ({ session: session ?? null, parent, hasPrompt }),
  };
}

function messageOf(row: JsonObject, parent: string | null): FoundMessage | undefined {
  const uid = textOf(row.id);
  const type = textOf(row.type);
  if (uid === undefined || (type !== 'user' && type !== 'gemini')) return undefined;
  const parts = [...thoughtParts(row), ...contentParts(row.content), ...objectsOf(row.toolCalls).map(toolPart)];
  const first = parts[0];
  if (first === undefined) return undefined;
  return {
    uid,
    parent,
    role: type === 'user' ? 'user' : 'assistant',
    time: timeOf(row.timestamp) ?? 0,
    model: textOf(row.model),
    isMeta: type === 'user' && first.type === 'text' && first.text.startsWith(CONTEXT),
    parts,
  };
}

function thoughtParts(row: JsonObject): FoundPart[] {
  return objectsOf(row.thoughts).map(thought => {
    const text = [textOf(thought.subject), textOf(thought.description)].filter(Boolean).join(': ');
    return { type: 'thinking', ...kept(text) };
  });
}

/** A text, or a list of parts as in Gemini's API. */
function contentParts(content: Json | undefined): FoundPart[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', ...kept(content) }];
  return objectsOf(content).flatMap((part): FoundPart[] => {
    const text = textOf(part.text);
    if (text !== undefined) return [{ type: part.thought === true ? 'thinking' : 'text', ...kept(text) }];
    if (part.functionResponse !== undefined) return [resultPart(objectOf(part.functionResponse))];
    const call = objectOf(part.functionCall);
    if (textOf(call.name) === undefined) return [];
    return [
      {
        type: 'tool_use',
        call: textOf(call.id) ?? '',
        tool: textOf(call.name) ?? '',
        ...keptInput(objectOf(call.args)),
      },
    ];
  });
}

function resultPart(result: JsonObject): FoundPart {
  const { text, truncated } = kept(responseText(result));
  return { type: 'tool_result', call: textOf(result.id) ?? '', content: text, truncated };
}

function toolPart(call: JsonObject): FoundPart {
  const result = objectsOf(call.result)
    .map(part => responseText(objectOf(part.functionResponse)))
    .join('\n');
  const status = textOf(call.status);
  const { text, truncated } = kept(result);
  return {
    type: 'tool_use',
    call: textOf(call.id) ?? '',
    tool: textOf(call.name) ?? '',
    ...keptInput(objectOf(call.args)),
    state: status === 'success' ? 'completed' : status === 'error' || status === 'cancelled' ? 'error' : 'running',
    resultText: text,
    truncated,
  };
}

const responseText = (result: JsonObject): string => {
  const response = objectOf(result.response);
  return textOf(response.output) ?? textOf(response.error) ?? JSON.stringify(response);
};

/** Gemini counts what came from caches among the input, and thoughts apart from the output. */
function used({
  target,
  row,
  session,
  uid,
  time,
}: {
  target: SessionSink;
  row: JsonObject;
  session: string;
  uid: string;
  time: number;
}): void {
  const tokens = objectOf(row.tokens);
  if (row.tokens === undefined) return;
  const model = textOf(row.model);
  const cacheReadTokens = numberOf(tokens.cached);
  target.call({
    id: `${session}:${uid}`,
    model: model ?? '',
    time,
    inputTokens: Math.max(0, numberOf(tokens.input) - cacheReadTokens) + numberOf(tokens.tool),
    outputTokens: numberOf(tokens.output) + numberOf(tokens.thoughts),
    cacheReadTokens,
    cacheWriteTokens: 0,
  });
  target.facts({ model });
}

/** The project of `<root>/tmp/<project>/chats/<file>`: its folder says it, or the list of projects, by name or by hash. */
function projectPath(path: string): string | undefined {
  const folder = dirname(dirname(path));
  const told = readText(join(folder, '.project_root'))?.trim();
  if (told !== undefined && told !== '') return told;
  const list = objectOf(parseObject(readText(join(dirname(dirname(folder)), 'projects.json')) ?? '')?.projects);
  const name = basename(folder);
  for (const [project, short] of Object.entries(list)) {
    if (short === name || createHash('sha256').update(project).digest('hex') === name) return project;
  }
  return undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Earlier versions have no such file.
    return undefined;
  }
}
