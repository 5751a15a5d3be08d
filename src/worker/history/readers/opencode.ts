import { constants, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import type { JsonObject } from '../../../protocol/json.ts';
import type { FoundMessage, FoundPart, LineCounts, SessionSink } from '../found.ts';
import { oneLine } from './claude.ts';
import { kept, keptInput, numberOf, objectOf, parseObject, textOf } from './fields.ts';

const sessionRow = z.object({
  id: z.string(),
  directory: z.string(),
  title: z.string(),
  time_created: z.number(),
  time_updated: z.number(),
});
const messageRow = z.object({ id: z.string(), time_created: z.number(), data: z.string() });
const partRow = z.object({ message_id: z.string(), data: z.string() });
/** A session's row may be written a moment before its last parts are. */
const OVERLAP_MS = 10_000;

/**
 * Reads what changed since `since` (epoch milliseconds, of the last call's answer) from OpenCode's own database, which is opened for
 * reading only and never written. Throws when the file is no such database.
 */
export function readOpenCode(
  path: string,
  { since, counts, open }: { since: number; counts: LineCounts; open: (agentSessionId: string) => SessionSink },
): { since: number } {
  const database = openWithoutTrace(path);
  try {
    // All rows are of one moment, whatever OpenCode writes meanwhile.
    return database.transaction(() => readSessions(database, { since, counts, open }))();
  } finally {
    database.close();
  }
}

/**
 * A database whose log is not there is closed. SQLite would make files beside it, and that folder is not ours: a copy is read then.
 * Should OpenCode write at that very moment, the copy may be damaged, which is an error, and the file is read again.
 */
function openWithoutTrace(path: string): Database.Database {
  const options = { readonly: true, fileMustExist: true, timeout: 2000 };
  if (existsSync(`${path}-wal`)) return new Database(path, options);
  const folder = mkdtempSync(join(tmpdir(), 'boxswain-opencode-'));
  try {
    const copy = join(folder, 'opencode.db');
    copyFileSync(path, copy, constants.COPYFILE_FICLONE);
    const database = new Database(copy, options);
    // SQLite makes its files beside the copy at the first look; after that none of them need a name.
    database.pragma('schema_version');
    return database;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readSessions(
  database: Database.Database,
  { since, counts, open }: { since: number; counts: LineCounts; open: (agentSessionId: string) => SessionSink },
): { since: number } {
  const sessions = database
    .prepare(
      'select id, directory, title, time_created, time_updated from session where time_updated >= ? order by time_created, id',
    )
    .all(since - OVERLAP_MS);
  const messages = database.prepare('select id, time_created, data from message where session_id = ? order by id');
  const parts = database.prepare('select message_id, data from part where session_id = ? order by id');
  let newest = since;
  for (const row of sessions) {
    const session = sessionRow.safeParse(row);
    if (!session.success) {
      counts.bad++;
      continue;
    }
    const { id, directory, title, time_created: createdAt, time_updated: updatedAt } = session.data;
    newest = Math.max(newest, updatedAt);
    const sink = open(id);
    sink.facts({ cwd: directory, createdAt, title: oneLine(title) }, 'user');
    const byMessage = partsByMessage(parts.all(id), counts);
    let parent: string | null = null;
    for (const message of messages.all(id)) {
      parent = readMessage(sink, { row: message, session: id, byMessage, parent, counts }) ?? parent;
    }
  }
  return { since: newest };
}

function partsByMessage(rows: readonly unknown[], counts: LineCounts): Map<string, FoundPart[]> {
  const found = new Map<string, FoundPart[]>();
  for (const row of rows) {
    const part = partRow.safeParse(row);
    const data = part.success ? parseObject(part.data.data) : undefined;
    if (!part.success || data === undefined) {
      counts.bad++;
      continue;
    }
    const list = found.get(part.data.message_id) ?? [];
    found.set(part.data.message_id, list);
    list.push(...partOf(data));
  }
  return found;
}

interface MessageContext {
  readonly row: unknown;
  readonly session: string;
  readonly byMessage: ReadonlyMap<string, FoundPart[]>;
  readonly parent: string | null;
  readonly counts: LineCounts;
}

/** The id of the message, when it has anything to show. */
function readMessage(
  sink: SessionSink,
  { row, session, byMessage, parent, counts }: MessageContext,
): string | undefined {
  const message = messageRow.safeParse(row);
  const data = message.success ? parseObject(message.data.data) : undefined;
  if (!message.success || data === undefined) {
    counts.bad++;
    return undefined;
  }
  const { id, time_created: time } = message.data;
  const role = data.role === 'user' ? 'user' : 'assistant';
  const model = textOf(data.modelID);
  const parts = byMessage.get(id) ?? [];
  if (role === 'assistant') used(sink, { data, id: `${session}:${id}`, time, model: model ?? '' });
  if (parts.length === 0) return undefined;
  const found: FoundMessage = { uid: id, parent, role, time, model: role === 'assistant' ? model : undefined, parts };
  sink.message(found);
  return id;
}

function used(
  sink: SessionSink,
  { data, id, time, model }: { data: JsonObject; id: string; time: number; model: string },
): void {
  const tokens = objectOf(data.tokens);
  const cache = objectOf(tokens.cache);
  const cost = numberOf(data.cost);
  sink.facts({ model });
  const outputTokens = numberOf(tokens.output) + numberOf(tokens.reasoning);
  const inputTokens = numberOf(tokens.input);
  if (inputTokens + outputTokens === 0) return;
  sink.call({
    id,
    model,
    time,
    inputTokens,
    outputTokens,
    cacheReadTokens: numberOf(cache.read),
    cacheWriteTokens: numberOf(cache.write),
    // It writes 0 for a model whose price it does not know.
    costUsd: cost > 0 ? cost : undefined,
  });
}

/** Marks of steps and the like are no parts of ours. */
function partOf(data: JsonObject): FoundPart[] {
  if (data.type === 'text') return [{ type: 'text', ...kept(textOf(data.text) ?? '') }];
  if (data.type === 'reasoning') return [{ type: 'thinking', ...kept(textOf(data.text) ?? '') }];
  if (data.type === 'file') return [{ type: 'text', text: `[file ${textOf(data.filename) ?? ''}]` }];
  if (data.type !== 'tool') return [];
  const state = objectOf(data.state);
  const status = textOf(state.status);
  const { text, truncated } = kept(textOf(state.output) ?? textOf(state.error) ?? '');
  return [
    {
      type: 'tool_use',
      call: textOf(data.callID) ?? '',
      tool: textOf(data.tool) ?? '',
      ...keptInput(objectOf(state.input)),
      state: status === 'completed' || status === 'error' ? status : 'running',
      resultText: text,
      truncated,
    },
  ];
}
