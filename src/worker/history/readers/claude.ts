import { basename, dirname } from 'node:path';
import type { JsonObject } from '../../../protocol/json.ts';
import type { FoundMessage, LineReader, LineReaderOptions, SessionSink } from '../found.ts';
import { classifyClaudeLine, isKnownClaudeType } from './claude-line.ts';
import { claudeParts } from './claude-parts.ts';
import { isObject, numberOf, objectOf, parseObject, textOf, timeOf } from './fields.ts';

const SUBAGENTS = 'subagents';
const MAX_TITLE_CHARS = 200;
/** Texts that the program writes in the user's name begin with a tag. */
const commandIn = (text: string): string | undefined => {
  const [, name] = /<command-name>([^<]+)<\/command-name>/.exec(text.slice(0, 2000)) ?? [];
  const [, args = ''] = /<command-args>([^<]*)<\/command-args>/.exec(text.slice(0, 2000)) ?? [];
  return name && `${name} ${args}`.trim();
};
const isPrompt = (text: string): boolean => text !== '' && !text.startsWith('<') && !text.startsWith('Caveat:');

/** Reads `projects/<slug>/<session>.jsonl` and the files of subagents below `<session>/subagents/` of Claude Code. */
export function claudeReader({ path, state, counts, open }: LineReaderOptions): LineReader {
  const isSubagent = basename(dirname(path)) === SUBAGENTS;
  const sessionId = isSubagent ? basename(dirname(dirname(path))) : basename(path, '.jsonl');
  const sink = open(sessionId);
  let hasStart = state.hasStart === true;
  let hasPrompt = state.hasPrompt === true;
  let lastTime = numberOf(state.lastTime);

  function start(row: JsonObject): void {
    const createdAt = timeOf(row.timestamp);
    const cwd = textOf(row.cwd);
    if (isSubagent || createdAt === undefined || cwd === undefined) return;
    sink.facts({ createdAt, cwd });
    hasStart = true;
  }

  function message(row: JsonObject, role: 'user' | 'assistant'): void {
    const found = messageOf(row, role, lastTime);
    if (found === undefined) {
      counts.bad++;
      return;
    }
    lastTime = found.time;
    const isSidechain = isSubagent || found.isSidechain === true;
    sink.message({ ...found, isSidechain });
    if (role === 'assistant') answered(sink, { row, sessionId, time: found.time, isSidechain });
    const mode = textOf(row.permissionMode);
    if (mode !== undefined && !isSidechain) sink.facts({ permissionMode: mode });
    if (role === 'user' && !hasPrompt && !isSidechain && found.isMeta !== true) {
      const prompt = firstText(found).trim();
      const command = commandIn(prompt);
      hasPrompt = isPrompt(prompt);
      // A command such as /init is a title until there are words.
      if (hasPrompt || command !== undefined) sink.facts({ title: oneLine(command ?? prompt) }, 'prompt');
    }
    const origin = textOf(objectOf(row.forkedFrom).sessionId) ?? textOf(row.requestSessionId);
    if (origin !== undefined && origin !== sessionId && !isSidechain) sink.facts({ forkedFrom: origin });
  }

  function entry(row: JsonObject): void {
    const uid = textOf(row.uuid);
    if (uid === undefined) return;
    const queued = queuedPrompt(row, uid);
    if (queued !== undefined) {
      sink.message({
        ...queued,
        isSidechain: isSubagent || row.isSidechain === true,
        time: timeOf(row.timestamp) ?? lastTime,
      });
      return;
    }
    const isLeafless = isSubagent || row.isSidechain === true || row.type === 'progress' || isForkBriefing(row);
    sink.treeEntry({ uid, parent: textOf(row.parentUuid) ?? null, isLeafless });
    if (row.subtype === 'compact_boundary') relink(sink, objectOf(row.compactMetadata));
  }

  function parsed(row: JsonObject): void {
    const type = textOf(row.type);
    if (!hasStart) start(row);
    if (type === 'user' || type === 'assistant') message(row, type);
    else if (type === 'attachment' || type === 'system' || type === 'progress') entry(row);
    else if (type === 'cost-state') total(sink, row);
    else if (type === 'custom-title') titled(sink, textOf(row.customTitle), 'user');
    else if (type === 'ai-title') titled(sink, textOf(row.aiTitle), 'agent');
    else if (type === 'summary') titled(sink, textOf(row.summary), 'summary');
    else if (type === 'permission-mode') sink.facts({ permissionMode: textOf(row.permissionMode) });
    else if (type === undefined || !isKnownClaudeType(type)) counts.unknown++;
  }

  return {
    read(line) {
      const seen = classifyClaudeLine(line);
      if (seen.kind === 'skip') return;
      if (seen.kind === 'unknown') counts.unknown++;
      if (seen.kind === 'entry') {
        sink.treeEntry({ uid: seen.uid, parent: seen.parent, isLeafless: isSubagent || seen.isSidechain });
      }
      if (seen.kind !== 'parse') return;
      const row = parseObject(line.toString('utf8'));
      if (row === undefined) counts.bad++;
      else parsed(row);
    },
    state: () => ({ hasStart, hasPrompt, lastTime }),
  };
}

function messageOf(row: JsonObject, role: 'user' | 'assistant', lastTime: number): FoundMessage | undefined {
  const uid = textOf(row.uuid);
  const body = row.message;
  if (uid === undefined || !isObject(body)) return undefined;
  const model = textOf(body.model);
  return {
    uid,
    parent: textOf(row.parentUuid) ?? null,
    role,
    time: timeOf(row.timestamp) ?? lastTime,
    model: model === SYNTHETIC ? undefined : model,
    answer: textOf(body.id),
    isSidechain: row.isSidechain === true || typeof row.teamName === 'string',
    // A summary of what was compacted is the program's text, but the conversation goes on from it.
    isMeta: row.isMeta === true && !fromOthers.has(textOf(objectOf(row.origin).kind) ?? ''),
    parts: claudeParts(body.content),
  };
}

/** Messages of other people and sessions are marked as the program's own. */
const fromOthers = new Set(['channel', 'observer', 'observer-activity', 'peer', 'slack-ping', 'voice-call']);

/** A prompt that was typed during a turn stands in an attachment. */
function queuedPrompt(row: JsonObject, uid: string): FoundMessage | undefined {
  const attachment = objectOf(row.attachment);
  if (attachment.type !== 'queued_command' || attachment.isMeta === true) return undefined;
  const parts = claudeParts(attachment.prompt);
  if (parts.length === 0) return undefined;
  // `answer` is the id of the message that it may have become as well.
  const answer = textOf(attachment.source_uuid);
  return { uid, parent: textOf(row.parentUuid) ?? null, role: 'user', time: 0, answer, parts };
}

/** The program's own words in the model's place. */
const SYNTHETIC = '<synthetic>';

function answered(
  sink: SessionSink,
  { row, sessionId, time, isSidechain }: { row: JsonObject; sessionId: string; time: number; isSidechain: boolean },
): void {
  const body = objectOf(row.message);
  const id = textOf(body.id);
  const model = textOf(body.model);
  if (id === undefined || model === undefined || model === SYNTHETIC || !isObject(body.usage)) return;
  const { usage } = body;
  const origin = textOf(objectOf(row.forkedFrom).sessionId) ?? textOf(row.requestSessionId) ?? sessionId;
  sink.call({
    id,
    model,
    time,
    inputTokens: numberOf(usage.input_tokens),
    outputTokens: numberOf(usage.output_tokens),
    cacheReadTokens: numberOf(usage.cache_read_input_tokens),
    cacheWriteTokens: numberOf(usage.cache_creation_input_tokens),
    // Only versions that keep no running total wrote it.
    costUsd: typeof row.costUSD === 'number' ? row.costUSD : undefined,
    isCopy: origin !== sessionId,
  });
  if (!isSidechain) sink.facts({ model });
}

function total(sink: SessionSink, row: JsonObject): void {
  const models = Object.entries(objectOf(row.modelUsage)).map(([model, usage]) => ({ model, usage: objectOf(usage) }));
  if (typeof row.startTime !== 'number') return;
  sink.total({
    startTime: row.startTime,
    costUsd: numberOf(row.totalCostUSD),
    inputTokens: models.reduce((sum, { usage }) => sum + numberOf(usage.inputTokens), 0),
    outputTokens: models.reduce((sum, { usage }) => sum + numberOf(usage.outputTokens), 0),
    costByModel: Object.fromEntries(models.map(({ model, usage }) => [model, numberOf(usage.costUSD)])),
  });
}

function relink(sink: SessionSink, metadata: JsonObject): void {
  const messages = objectOf(metadata.preservedMessages);
  const segment = objectOf(metadata.preservedSegment);
  if (Array.isArray(messages.uuids)) {
    const kept = messages.uuids.flatMap(uid => (typeof uid === 'string' ? [uid] : []));
    const anchor = textOf(messages.anchorUuid);
    if (anchor !== undefined && kept.length > 0) sink.relink({ anchor, kept, areAll: true });
    return;
  }
  const [anchor, head, tail] = [segment.anchorUuid, segment.headUuid, segment.tailUuid].map(textOf);
  if (anchor !== undefined && head !== undefined && tail !== undefined) {
    sink.relink({ anchor, kept: [head, tail], areAll: false });
  }
}

function titled(sink: SessionSink, title: string | undefined, source: 'user' | 'agent' | 'summary'): void {
  if (title !== undefined && title.trim() !== '') sink.facts({ title: oneLine(title) }, source);
}

const isForkBriefing = (row: JsonObject): boolean => objectOf(row.attachment).type === 'fork_briefing';

function firstText(message: FoundMessage): string {
  for (const part of message.parts) if (part.type === 'text') return part.text;
  return '';
}

export const oneLine = (text: string): string =>
  text
    .slice(0, MAX_TITLE_CHARS * 4)
    .replace(/\s+/gu, ' ')
    .trim()
    .slice(0, MAX_TITLE_CHARS);
