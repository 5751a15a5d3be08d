import { z } from 'zod';
import type { Database } from '../database.ts';
import type { WaitingRecord } from '../rows.ts';
import { createRowsReader, textMap } from '../rows-reader.ts';
import type { WaitingStore } from './store.ts';

const columns = ['waiting.id', 'waiting.caller', 'waiting.hub', 'waiting.labels'] as const;
const schema = z.object({ id: z.string(), caller: z.string(), hub: z.string(), labels: textMap });

/** The line of workspaces that wait for a slot. A row counts while the hub at which it is wanted has a lease. */
export function createWaitingStore(db: Database): WaitingStore {
  const reader = createRowsReader<WaitingRecord>(db, { table: 'waiting', schema });

  return {
    enter: ({ id, caller, hub, labels }, { total, perCaller }) =>
      db.write(async tx => {
        // Counting and inserting must be one step also on PostgreSQL.
        await db.lock(tx, 'waiting');
        await tx
          .deleteFrom('waiting')
          .where('hub', '!=', hub)
          .where('hub', 'not in', eb => eb.selectFrom('hub').select('hub.id').where('hub.lease_until', '>', db.now))
          .execute();
        const count = (of: readonly { caller: string; n: number }[]) => of.reduce((sum, { n }) => sum + n, 0);
        const counts = await tx
          .selectFrom('waiting')
          .where('id', '!=', id)
          .groupBy('caller')
          .select(eb => ['caller', eb.fn.countAll<number>().as('n')])
          .execute();
        if (count(counts) >= total) return 'full';
        if (count(counts.filter(row => row.caller === caller)) >= perCaller) return 'full for caller';
        await tx
          .insertInto('waiting')
          .values({ id, caller, hub, labels: JSON.stringify(labels) })
          .onConflict(conflict => conflict.column('id').doUpdateSet({ hub }))
          .execute();
        return 'entered';
      }),

    async leave(ids) {
      if (ids.length > 0) await db.kysely.deleteFrom('waiting').where('id', 'in', ids).execute();
    },

    async line() {
      const rows = await db.kysely
        .selectFrom('waiting')
        .innerJoin('hub', 'hub.id', 'waiting.hub')
        .where('hub.lease_until', '>', db.now)
        .select(columns)
        .orderBy('waiting.ordinal')
        .execute();
      if (rows.length === 0) return { waiting: [], held: new Map() };
      const held = await db.kysely
        .selectFrom('workspace')
        .innerJoin('worker', 'worker.id', 'workspace.worker')
        .where('worker.lease_until', '>', db.now)
        .where('workspace.caller', 'in', eb => eb.selectFrom('waiting').select('waiting.caller').distinct())
        .groupBy('workspace.caller')
        .select(eb => ['workspace.caller', eb.fn.countAll<number>().as('n')])
        .execute();
      return { waiting: reader.many(rows), held: new Map(held.map(({ caller, n }) => [caller, n])) };
    },
  };
}
