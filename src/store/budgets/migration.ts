import { type Kysely, type RawBuilder, sql } from 'kysely';

/** What hubs have asked of services of others a moment ago, so that together they keep to what these allow. `text` compares bytewise. */
export async function addBudgets(db: Kysely<unknown>, text: RawBuilder<unknown>): Promise<void> {
  const number = sql`bigint`;
  await db.schema
    .createTable('budget_place')
    .addColumn('budget', text, c => c.notNull())
    .addColumn('budget_window', text, c => c.notNull())
    .addColumn('place', text, c => c.notNull())
    .addColumn('per_ms', number, c => c.notNull())
    .addColumn('is_settled', number, c => c.notNull())
    .addColumn('free_at', number, c => c.notNull())
    .addPrimaryKeyConstraint('budget_place_key', ['budget', 'budget_window', 'place'])
    .execute();
  await db.schema.createIndex('budget_place_name').on('budget_place').columns(['place']).execute();
  await db.schema.createIndex('budget_place_age').on('budget_place').columns(['free_at']).execute();
  await db.schema
    .createTable('budget_pause')
    .addColumn('budget', text, c => c.notNull())
    .addColumn('budget_window', text, c => c.notNull())
    .addColumn('paused_until', number, c => c.notNull())
    .addPrimaryKeyConstraint('budget_pause_key', ['budget', 'budget_window'])
    .execute();
}
