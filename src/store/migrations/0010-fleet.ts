import type { Kysely } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** Who watches the fleet, how it looked last, and who changed what a moment ago. */
export async function addFleet(db: Kysely<unknown>, columns: Columns): Promise<void> {
  const { text, number } = columns;
  await db.schema
    .createTable('fleet_watch')
    .addColumn('name', text, c => c.primaryKey())
    .addColumn('hub', text, c => c.notNull())
    .addColumn('lease_until', number, c => c.notNull())
    .addColumn('read_at', number)
    .addColumn('is_over', number, c => c.notNull())
    .execute();
  await db.schema
    .createTable('fleet_look')
    .addColumn('provider', text, c => c.primaryKey())
    .addColumn('agents', text, c => c.notNull())
    .execute();
  await tableOf(db, {
    columns,
    name: 'fleet_change',
    texts: ['agent', 'caller', 'operation'],
    numbers: ['changed_at'],
  })
    .addPrimaryKeyConstraint('fleet_change_key', ['agent', 'caller'])
    .execute();
}
