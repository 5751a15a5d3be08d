import { z } from 'zod';
import { type AgentLogEntry, type AgentLogs, type LogLevel, logLevels } from '../../providers/provider.ts';
import { badField } from './errors.ts';

/** Names that other systems give to levels. */
const ALIASES: Readonly<Record<string, LogLevel>> = { information: 'info', warn: 'warning', fatal: 'critical' };

export interface LogQuery {
  readonly level?: LogLevel;
  readonly limit: number;
  /** Epoch milliseconds. */
  readonly since?: number;
  readonly cursor?: string;
}

export interface LogPage {
  readonly entries: readonly AgentLogEntry[];
  /** After filters. */
  readonly totalCount: number;
  /** Leads to what came before. */
  readonly nextCursor: string | null;
  readonly snapshot: boolean;
  readonly snapshotAt: string | null;
}

/** Throws VALIDATION_ERROR for a word that is no level. */
export function levelOf(word: string): LogLevel {
  const name = word.toLowerCase();
  const level = ALIASES[name] ?? logLevels.find(one => one === name);
  if (level !== undefined) return level;
  throw badField('level', `level must be one of ${logLevels.join(', ')}`, { valid: [...logLevels] });
}

const timeSchema = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);

/** Epoch milliseconds of a time in ISO 8601. Throws VALIDATION_ERROR for any other text. */
export function sinceOf(text: string): number {
  const read = timeSchema.safeParse(text);
  if (read.success) return Date.parse(read.data);
  throw badField('since', 'since must be a time in ISO 8601, as in 2026-01-31T12:00:00Z');
}

const cursorSchema = z.strictObject({ b: z.int().min(1) });

/** The newest entries that fit, the oldest of them first; with a cursor those before. Logs only grow, so positions stay. */
export function logPage({ entries, snapshot, snapshotAt }: AgentLogs, query: LogQuery): LogPage {
  const { level, limit, since = Number.NEGATIVE_INFINITY, cursor } = query;
  const fitting = entries.filter(
    entry => (level === undefined || entry.level === level) && Date.parse(entry.timestamp) >= since,
  );
  const end = cursor === undefined ? fitting.length : Math.min(positionOf(cursor), fitting.length);
  const start = Math.max(0, end - limit);
  const nextCursor = start > 0 ? Buffer.from(JSON.stringify({ b: start })).toString('base64url') : null;
  return { entries: fitting.slice(start, end), totalCount: fitting.length, nextCursor, snapshot, snapshotAt };
}

function positionOf(cursor: string): number {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))).b;
  } catch (cause) {
    throw Object.assign(badField('cursor', 'cursor is not one that get_agent_execution_logs gave'), { cause });
  }
}
