import { sql } from 'kysely';
import { z } from 'zod';
import { chunksOf, type Database, leaseEnd } from '../database.ts';
import type { WorkerRecord } from '../rows.ts';
import { createRowsReader, flag, jsonObject, textMap } from '../rows-reader.ts';
import type { WorkerStore } from './store.ts';

/** Conditions on pairs nest, and SQLite limits the depth. */
const PAIRS_CHUNK = 100;
/** How long a lost worker is listed. */
const REMEMBERED_MS = 86_400_000;

const columns = [
  'id',
  'boot',
  'site',
  'slots',
  'labels',
  'capabilities',
  'is_draining as isDraining',
  'joined_at as joinedAt',
  'lease_until as leaseUntil',
] as const;

const schema = z.object({
  id: z.string(),
  boot: z.string(),
  site: z.string(),
  slots: z.number(),
  labels: textMap,
  capabilities: jsonObject,
  isDraining: flag,
  joinedAt: z.number(),
  leaseUntil: z.number(),
});

/**
 * The workers and their leases. A lease is live while `lease_until` lies ahead by the database's clock, so the clocks of hubs
 * and workers do not matter. What a worker holds is its own until it is reaped.
 */
export function createWorkerStore(db: Database): WorkerStore {
  const reader = createRowsReader<WorkerRecord>(db, { table: 'worker', schema });

  return {
    /** Whoever joins last has the lease: a restarted worker must not wait for the lease of the process before it. */
    async join(worker, leaseSeconds) {
      await db.kysely
        .insertInto('worker')
        .values({
          id: worker.id,
          boot: worker.boot,
          site: worker.site,
          slots: worker.slots,
          labels: JSON.stringify(worker.labels),
          capabilities: JSON.stringify(worker.capabilities),
          is_draining: worker.isDraining ? 1 : 0,
          joined_at: db.now,
          lease_until: leaseEnd(db, leaseSeconds),
        })
        .onConflict(conflict =>
          conflict.column('id').doUpdateSet({
            boot: eb => eb.ref('excluded.boot'),
            site: eb => eb.ref('excluded.site'),
            slots: eb => eb.ref('excluded.slots'),
            labels: eb => eb.ref('excluded.labels'),
            capabilities: eb => eb.ref('excluded.capabilities'),
            // A worker that joins again because its lease ran out is still being drained.
            is_draining: sql`case when worker.boot = excluded.boot and worker.is_draining = 1 then 1
              else excluded.is_draining end`,
            joined_at: sql`case when worker.boot = excluded.boot then worker.joined_at else excluded.joined_at end`,
            lease_until: eb => eb.ref('excluded.lease_until'),
            is_reaped: 0,
          }),
        )
        .execute();
    },

    beat: (live, leaseSeconds) =>
      db.write(async tx => {
        const renewed = new Set<string>();
        for (const chunk of chunksOf(live, PAIRS_CHUNK)) {
          const rows = await tx
            .updateTable('worker')
            .set({ lease_until: leaseEnd(db, leaseSeconds) })
            .where('is_reaped', '=', 0)
            .where(eb => eb.or(chunk.map(({ id, boot }) => eb.and({ id, boot }))))
            .returning('id')
            .execute();
          for (const row of rows) renewed.add(row.id);
        }
        return renewed;
      }),

    async leave(id, boot) {
      await db.kysely.deleteFrom('worker').where('id', '=', id).where('boot', '=', boot).execute();
    },

    async setDraining(id, isDraining) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('worker')
        .set({ is_draining: isDraining ? 1 : 0 })
        .where('id', '=', id)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async list({ liveOnly }) {
      const query = db.kysely.selectFrom('worker').select(columns).where('is_reaped', '=', 0).orderBy('id');
      return reader.many(await (liveOnly ? query.where('lease_until', '>', db.now) : query).execute());
    },

    async lost() {
      const query = db.kysely.selectFrom('worker').select(columns).where('is_reaped', '=', 1).orderBy('id');
      return reader.many(await query.execute());
    },

    async change({ id, boot }, { slots, labels }) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('worker')
        .set({ boot, ...(slots !== undefined && { slots }), ...(labels && { labels: JSON.stringify(labels) }) })
        .where('id', '=', id)
        .where('boot', '=', boot)
        .where('is_reaped', '=', 0)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async takeDrain(id, hub) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('worker')
        .set({ drained_by: hub })
        .where('id', '=', id)
        .where('is_draining', '=', 1)
        .where(eb =>
          eb.or([
            eb('drained_by', 'is', null),
            eb('drained_by', '=', hub),
            eb('drained_by', 'not in', eb.selectFrom('hub').select('hub.id').where('hub.lease_until', '>', db.now)),
          ]),
        )
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    /** Marking and answering are one statement, so that of several hubs only one takes care of a lost worker. */
    async reap(asOf) {
      await db.kysely
        .deleteFrom('worker')
        .where('is_reaped', '=', 1)
        .where('lease_until', '<=', sql<number>`${db.now} - ${REMEMBERED_MS}`)
        .execute();
      return reader.many(
        await db.kysely
          .updateTable('worker')
          .set({ is_reaped: 1 })
          .where('lease_until', '<=', sql<number>`case when ${asOf} < ${db.now} then ${asOf} else ${db.now} end`)
          .where('is_reaped', '=', 0)
          .returning(columns)
          .execute(),
      );
    },

    async holding() {
      const query = db.kysely.selectFrom('worker').select(['id', 'boot', 'lease_until as leaseUntil']);
      const rows = await query.where('is_reaped', '=', 0).execute();
      return new Map(rows.map(({ id, ...holder }) => [id, holder]));
    },

    async slotsUsed() {
      const rows = await db.kysely
        .selectFrom('worker')
        .leftJoin('workspace', 'workspace.worker', 'worker.id')
        .where('worker.lease_until', '>', db.now)
        .groupBy('worker.id')
        .select(eb => ['worker.id', eb.fn.count<number>('workspace.id').as('used')])
        .execute();
      return new Map(rows.map(({ id, used }) => [id, used]));
    },
  };
}
