import { type Kysely, type RawBuilder, sql } from 'kysely';

/** Who watches the fleet, how it looked last, and who changed what a moment ago. `text` compares bytewise. */
export async function addFleet(db: Kysely<unknown>, text: RawBuilder<unknown>): Promise<void> {
  const number = sql`bigint`;
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
  await db.schema
    .createTable('fleet_change')
    .addColumn('agent', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('operation', text, c => c.notNull())
    .addColumn('changed_at', number, c => c.notNull())
    .addPrimaryKeyConstraint('fleet_change_key', ['agent', 'caller'])
    .execute();
}
