import { type Kysely, sql } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** Where polls of connections ended, and what parents of sessions have not been told yet. */
export async function addPollsAndParents(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, {
    columns,
    name: 'poll_position',
    texts: ['connection', 'filters'],
    numbers: ['seq', 'part', 'updated_at'],
  })
    .addPrimaryKeyConstraint('poll_position_key', ['connection', 'filters'])
    .execute();
  // The beginning of the latest turn is found without reading what was said in it.
  await sql`create index event_turn_end on event (stream, seq) where type = 'session.idle'`.execute(db);
  await db.schema.alterTable('turn').addColumn('notice', columns.number).execute();
  await sql`create index turn_notice on turn (notice) where notice < 2`.execute(db);
  await db.schema
    .alterTable('session')
    .addColumn('told_epoch', columns.number, c => c.notNull().defaultTo(0))
    .execute();
  await sql`create index session_end on session (ordinal)
    where parent_id is not null and status in ('closed', 'failed') and told_epoch < epoch`.execute(db);
}
