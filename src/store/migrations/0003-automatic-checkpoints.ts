import type { Kysely } from 'kysely';
import type { Columns } from './columns.ts';

/** Checkpoints of an earlier version were all asked for; how far each reaches is not known, so all that ran may be missing. */
export async function addAutomaticCheckpoints(db: Kysely<unknown>, { number }: Columns): Promise<void> {
  for (const column of ['is_automatic', 'sequence']) {
    await db.schema
      .alterTable('checkpoint')
      .addColumn(column, number, c => c.notNull().defaultTo(0))
      .execute();
  }
}
