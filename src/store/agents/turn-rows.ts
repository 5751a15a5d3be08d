import { z } from 'zod';
import type { Database } from '../database.ts';
import { createRowsReader, jsonObject, type RowsReader } from '../rows-reader.ts';
import type { TurnRecord } from './rows.ts';

/** The columns of a turn as its record names them. */
export const turnColumns = [
  'id',
  'session_id as sessionId',
  'caller',
  'state',
  'prompt',
  'epoch',
  'result',
  'created_at as createdAt',
  'started_at as startedAt',
  'ended_at as endedAt',
  'expires_at as expiresAt',
] as const;

const schema = z.object({
  id: z.string(),
  sessionId: z.string(),
  caller: z.string(),
  state: z.enum(['queued', 'waiting', 'running', 'completed', 'aborted', 'failed', 'expired', 'interrupted']),
  prompt: jsonObject,
  epoch: z.number().nullable(),
  result: jsonObject.nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  expiresAt: z.number().nullable(),
});

export const createTurnReader = (db: Database): RowsReader<TurnRecord> =>
  createRowsReader<TurnRecord>(db, { table: 'turn', schema });
