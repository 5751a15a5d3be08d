import type { Kysely } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** What hubs have asked of services of others a moment ago, so that together they keep to what these allow. */
export async function addBudgets(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, {
    columns,
    name: 'budget_place',
    texts: ['budget', 'budget_window', 'place'],
    numbers: ['per_ms', 'is_settled', 'free_at'],
  })
    .addPrimaryKeyConstraint('budget_place_key', ['budget', 'budget_window', 'place'])
    .execute();
  await db.schema.createIndex('budget_place_name').on('budget_place').columns(['place']).execute();
  await db.schema.createIndex('budget_place_age').on('budget_place').columns(['free_at']).execute();
  await tableOf(db, {
    columns,
    name: 'budget_pause',
    texts: ['budget', 'budget_window'],
    numbers: ['paused_until'],
  })
    .addPrimaryKeyConstraint('budget_pause_key', ['budget', 'budget_window'])
    .execute();
}
