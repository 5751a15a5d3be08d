import type { Kysely } from 'kysely';
import { type Columns, numberedTableOf } from './columns.ts';

/** Workspaces wait for slots, one hub drains a worker, and a lost worker is remembered for a while. */
export async function addWaiting(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await numberedTableOf(db, { columns, name: 'waiting', texts: ['id', 'caller', 'hub', 'labels'] }).execute();
  await db.schema.alterTable('worker').addColumn('drained_by', columns.text).execute();
  await db.schema
    .alterTable('worker')
    .addColumn('is_reaped', columns.number, c => c.notNull().defaultTo(0))
    .execute();
}
