import { sql } from 'kysely';
import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import type { BulkTable, Database, SqlValue, Tx } from '../database.ts';
import { createAppender } from '../events/events.ts';
import { pruneInSteps } from '../prune.ts';
import type { JsonObject, TaskRecord } from '../rows.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import { requireTaskRoom } from './task-room.ts';
import type { NewTask, TaskStore } from './store.ts';
import { definedOf } from '../placement/workspaces.ts';

export const taskColumns = [
  'id',
  'caller',
  'toolset',
  'operation',
  'workspace_id as workspaceId',
  'status',
  'sequence',
  'worker',
  'epoch',
  'job',
  'progress',
  'result',
  'error',
  'attempts',
  'created_at as createdAt',
  'started_at as startedAt',
  'completed_at as completedAt',
] as const;

export const taskSchema = z.object({
  id: z.string(),
  caller: z.string(),
  toolset: z.string(),
  operation: z.string(),
  workspaceId: z.string().nullable(),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled', 'interrupted']),
  sequence: z.number().nullable(),
  worker: z.string().nullable(),
  epoch: z.number().nullable(),
  job: jsonObject.nullable(),
  progress: jsonObject.nullable(),
  result: jsonObject.nullable(),
  error: jsonObject.nullable(),
  attempts: z.number(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  completedAt: z.number().nullable(),
});

/** A run that is written behind its answer may be written twice when the first try's answer was lost. */
const bulk: BulkTable = {
  table: 'task',
  ignoresExisting: true,
  columns: {
    id: 'text',
    caller: 'text',
    toolset: 'text',
    operation: 'text',
    workspace_id: 'text',
    status: 'text',
    sequence: 'bigint',
    worker: 'text',
    epoch: 'bigint',
    job: 'text',
    progress: 'text',
    result: 'text',
    error: 'text',
    attempts: 'bigint',
    created_at: 'bigint',
    started_at: 'bigint',
    completed_at: 'bigint',
  },
};

/** Streams that only hubs write have one epoch. */
const HUB_EPOCH = 0;

/**
 * The tasks and the runs that never became one. The condition on the status in `start` and `finish` is the state machine:
 * it decides in the database, so that of two hubs, or of a result and a cancellation, exactly one wins.
 */
export function createTaskStore(db: Database): TaskStore {
  const reader = createRowsReader<TaskRecord>(db, { table: 'task', schema: taskSchema });
  const append = createAppender(db);
  const inserted = async (on: Pick<Tx, 'insertInto'>, task: NewTask) => {
    const row = await on
      .insertInto('task')
      .values(taskRowOf(task, db))
      .returning(taskColumns)
      .executeTakeFirstOrThrow();
    return reader.one(row);
  };

  return {
    insert: (task, { perCaller } = {}) =>
      perCaller === undefined
        ? inserted(db.kysely, task)
        : db.write(async tx => {
            await requireTaskRoom(tx, { db, caller: task.caller, perCaller });
            return await inserted(tx, task);
          }),

    async get(id) {
      return reader.maybe(
        await db.kysely.selectFrom('task').select(taskColumns).where('id', '=', id).executeTakeFirst(),
      );
    },

    async start(id, { worker, epoch, sequence }) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('task')
        .set({ status: 'running', started_at: db.now, worker, epoch, sequence })
        .where('id', '=', id)
        .where('status', '=', 'queued')
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    finish: (id, { status, result, error, sequence, onlyIfQueued = false, announce = [] }) =>
      db.write(async tx => {
        const { numUpdatedRows } = await tx
          .updateTable('task')
          .set({
            status,
            completed_at: db.now,
            ...(result && { result: JSON.stringify(result) }),
            ...(error && { error: JSON.stringify(error) }),
            ...(sequence !== undefined && { sequence }),
          })
          .where('id', '=', id)
          // A task that never started may end as well: cancelled, not placeable, or ended before its start was recorded.
          .where('status', 'in', onlyIfQueued ? ['queued'] : ['queued', 'running'])
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        for (const { stream, ...event } of announce) {
          const outcome = await append(tx, { stream, epoch: HUB_EPOCH, first: 'next', events: [event] });
          if (!('ack' in outcome)) throw new Error(`the stream ${stream} refused its hub: ${JSON.stringify(outcome)}`);
        }
        return true;
      }),

    async update(id, { progress, ...plain }) {
      const set = { ...definedOf(plain), ...(progress !== undefined && { progress: textOf(progress) }) };
      if (Object.keys(set).length > 0) await db.kysely.updateTable('task').set(set).where('id', '=', id).execute();
    },

    /** `createdAt` is taken as it is given: these ran before they were written down. */
    async insertFinished(tasks) {
      if (tasks.length === 0) return;
      const rows = tasks.map(task => {
        const row: Record<string, SqlValue> = { ...rowOf(task), created_at: task.createdAt };
        return Object.keys(bulk.columns).map(column => row[column] ?? null);
      });
      await db.write(tx => db.insertMany(tx, bulk, rows));
    },

    async list({ caller, toolsets, toolset, status, workspaceId, limit, cursor }) {
      if (toolsets?.length === 0) return { rows: [], nextCursor: null };
      let query = db.kysely
        .selectFrom('task')
        .select([...taskColumns, 'ordinal'])
        .where('caller', '=', caller)
        .orderBy('created_at', 'desc')
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      if (toolsets) query = query.where('toolset', 'in', toolsets);
      if (toolset !== undefined) query = query.where('toolset', '=', toolset);
      if (status !== undefined) query = query.where('status', '=', status);
      if (workspaceId !== undefined) query = query.where('workspace_id', '=', workspaceId);
      if (cursor !== undefined) {
        const [createdAt = 0, ordinal = 0] = decodeCursor(cursor, 2);
        query = query.where(sql<boolean>`(created_at, ordinal) < (${createdAt}, ${ordinal})`);
      }
      const position = (row: { createdAt: number; ordinal: number }) => [row.createdAt, row.ordinal];
      return pageOf(await query.execute(), { limit, position, read: reader.many });
    },

    async unfinished(workspaceId) {
      let query = db.kysely.selectFrom('task').select(taskColumns).where('completed_at', 'is', null);
      if (workspaceId !== undefined) query = query.where('workspace_id', '=', workspaceId);
      // Those that a worker has accepted have their place in its line; the others follow as they came.
      const rows = await query
        .orderBy(sql`case when sequence is null then 1 else 0 end`)
        .orderBy('sequence')
        .orderBy('ordinal')
        .execute();
      return reader.many(rows);
    },

    async unfinishedOf(toolset) {
      const query = db.kysely
        .selectFrom('task')
        .select(taskColumns)
        .where('completed_at', 'is', null)
        .where('toolset', '=', toolset)
        .where('workspace_id', 'is', null);
      return reader.many(await query.orderBy('ordinal').execute());
    },

    async putBack(id) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('task')
        .set({ status: 'queued', started_at: null, worker: null, epoch: null, sequence: null })
        .where('id', '=', id)
        .where('status', '=', 'running')
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async countUnfinished() {
      const { unfinished } = await db.kysely
        .selectFrom('task')
        .where('completed_at', 'is', null)
        .select(eb => eb.fn.countAll<number>().as('unfinished'))
        .executeTakeFirstOrThrow();
      return unfinished;
    },

    async countByStatus() {
      const rows = await db.kysely
        .selectFrom('task')
        .where('completed_at', 'is', null)
        .groupBy('status')
        .select(eb => ['status' as const, eb.fn.countAll<number>().as('count')])
        .execute();
      const of = (status: string): number => rows.find(row => row.status === status)?.count ?? 0;
      return { queued: of('queued'), running: of('running') };
    },

    /** The end of an index, however many tasks the workspace had. */
    async lastSequence(workspaceId) {
      const { last } = await db.kysely
        .selectFrom('task')
        .where('workspace_id', '=', workspaceId)
        .select(eb => eb.fn.max('sequence').as('last'))
        .executeTakeFirstOrThrow();
      return last ?? 0;
    },

    prune: endedBefore =>
      pruneInSteps(limit =>
        db.write(async tx => {
          const some = tx.selectFrom('task').select('ordinal').where('completed_at', '<', endedBefore).limit(limit);
          return await tx.deleteFrom('task').where('ordinal', 'in', some).executeTakeFirst();
        }),
      ),
  };
}

/** The row of a new task; unless it says when it was made, it is made now. */
export const taskRowOf = (task: NewTask, { now }: Pick<Database, 'now'>) => ({
  ...rowOf(task),
  created_at: task.createdAt ?? now,
});

const rowOf = (task: Omit<TaskRecord, 'createdAt'>) => ({
  id: task.id,
  caller: task.caller,
  toolset: task.toolset,
  operation: task.operation,
  workspace_id: task.workspaceId,
  status: task.status,
  sequence: task.sequence,
  worker: task.worker,
  epoch: task.epoch,
  job: textOf(task.job),
  progress: textOf(task.progress),
  result: textOf(task.result),
  error: textOf(task.error),
  attempts: task.attempts,
  started_at: task.startedAt,
  completed_at: task.completedAt,
});

const textOf = (value: JsonObject | null): string | null => (value === null ? null : JSON.stringify(value));
