import { z } from 'zod';
import { chunksOf, type Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import { requireTaskRoom } from '../work/task-room.ts';
import { taskRowOf } from '../work/tasks.ts';
import type { CodegenRecord, CodegenStore } from './rows.ts';

const columns = [
  'codegen_run.id as id',
  'codegen_run.caller as caller',
  'owner',
  'run_id as runId',
  'orchestrator_run_id as orchestratorRunId',
  'body',
  'delivery_state as deliveryState',
  'delivery_at as deliveryAt',
  'delivery_error as deliveryError',
  'delivery_task as deliveryTask',
  'codegen_run.created_at as createdAt',
  'ended_at as endedAt',
] as const;

const schema = z.object({
  id: z.string(),
  caller: z.string(),
  owner: z.string(),
  runId: z.number().nullable(),
  orchestratorRunId: z.number().nullable(),
  body: jsonObject,
  deliveryState: z.enum(['waiting', 'sending', 'delivered', 'undeliverable', 'unknown']).nullable(),
  deliveryAt: z.number().nullable(),
  deliveryError: z.string().nullable(),
  deliveryTask: z.string().nullable(),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
});

class NotWaiting extends Error {}

/** Runs of Codegen that tasks stand for. What decides between two hubs is the condition of each update. */
export function createCodegenStore(db: Database): CodegenStore {
  const reader = createRowsReader<CodegenRecord>(db, { table: 'codegen_run', schema });
  const select = () => db.kysely.selectFrom('codegen_run').select(columns);
  const changed = async (update: { executeTakeFirst(): Promise<{ numUpdatedRows: bigint }> }) =>
    (await update.executeTakeFirst()).numUpdatedRows > 0n;

  return {
    insert: (record, { task, perCaller } = {}) =>
      db.write(async tx => {
        if (perCaller !== undefined) await requireTaskRoom(tx, { db, caller: record.caller, perCaller });
        if (task !== undefined) await tx.insertInto('task').values(taskRowOf(task, db)).execute();
        const { id } = await tx
          .insertInto('codegen_run')
          .values({
            id: record.id,
            caller: record.caller,
            owner: record.owner,
            run_id: record.runId,
            orchestrator_run_id: record.orchestratorRunId,
            body: JSON.stringify(record.body),
            delivery_state: record.orchestratorRunId === null ? null : 'waiting',
            created_at: db.now,
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        return reader.one(
          await tx.selectFrom('codegen_run').select(columns).where('id', '=', id).executeTakeFirstOrThrow(),
        );
      }),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    adopt: (id, { runId, body }) =>
      changed(
        db.kysely
          .updateTable('codegen_run')
          .set({ run_id: runId, body: JSON.stringify(body) })
          .where('id', '=', id)
          .where('run_id', 'is', null)
          .where('ended_at', 'is', null),
      ),

    update: (id, body) =>
      changed(
        db.kysely
          .updateTable('codegen_run')
          .set({ body: JSON.stringify(body) })
          .where('id', '=', id)
          .where('ended_at', 'is', null),
      ),

    end: (id, body) =>
      changed(
        db.kysely
          .updateTable('codegen_run')
          .set({ body: JSON.stringify(body), ended_at: db.now })
          .where('id', '=', id)
          .where('ended_at', 'is', null),
      ),

    async latest(caller, runIds) {
      const newest = new Map<number | null, CodegenRecord>();
      for (const some of chunksOf(runIds)) {
        const rows = await select()
          .where('caller', '=', caller)
          .where('run_id', 'in', some)
          .orderBy('ordinal')
          .execute();
        for (const record of reader.many(rows)) newest.set(record.runId, record);
      }
      return [...newest.values()];
    },

    async children(caller, orchestratorRunId) {
      return reader.many(
        await select()
          .where('caller', '=', caller)
          .where('orchestrator_run_id', '=', orchestratorRunId)
          .orderBy('ordinal')
          .execute(),
      );
    },

    async open() {
      return reader.many(await select().where('ended_at', 'is', null).orderBy('ordinal').execute());
    },

    async unsettled() {
      return reader.many(
        await select()
          .innerJoin('task', 'task.id', 'codegen_run.id')
          .where('task.completed_at', 'is', null)
          .where('ended_at', 'is not', null)
          .orderBy('codegen_run.ordinal')
          .execute(),
      );
    },

    async deliveries(state) {
      return reader.many(
        await select()
          .where('delivery_state', '=', state)
          .where('ended_at', 'is not', null)
          .orderBy('ended_at')
          .orderBy('ordinal')
          .execute(),
      );
    },

    async claim(ids, deliveryTask) {
      try {
        await db.write(async tx => {
          for (const some of chunksOf(ids)) {
            const { numUpdatedRows } = await tx
              .updateTable('codegen_run')
              .set({ delivery_state: 'sending', delivery_task: deliveryTask })
              .where('id', 'in', some)
              .where('delivery_state', '=', 'waiting')
              .executeTakeFirst();
            if (numUpdatedRows !== BigInt(some.length)) throw new NotWaiting();
          }
        });
        return true;
      } catch (error) {
        if (error instanceof NotWaiting) return false;
        throw error;
      }
    },

    async settle(deliveryTask, { state, error = null }) {
      await db.kysely
        .updateTable('codegen_run')
        .set({ delivery_state: state, delivery_error: error, ...(state !== 'waiting' && { delivery_at: db.now }) })
        .where('delivery_task', '=', deliveryTask)
        .where('delivery_state', '=', 'sending')
        .execute();
    },

    async giveUp(ids, error) {
      for (const some of chunksOf(ids)) {
        await db.kysely
          .updateTable('codegen_run')
          .set({ delivery_state: 'undeliverable', delivery_error: error, delivery_at: db.now })
          .where('id', 'in', some)
          .where('delivery_state', '=', 'waiting')
          .execute();
      }
    },

    prune: () =>
      pruneInSteps(limit =>
        db.write(tx => {
          const some = tx
            .selectFrom('codegen_run')
            .select('codegen_run.ordinal')
            .where('ended_at', 'is not', null)
            .where(eb =>
              eb.not(eb.exists(eb.selectFrom('task').select('task.id').whereRef('task.id', '=', 'codegen_run.id'))),
            )
            .limit(limit);
          return tx.deleteFrom('codegen_run').where('ordinal', 'in', some).executeTakeFirst();
        }),
      ),
  };
}
