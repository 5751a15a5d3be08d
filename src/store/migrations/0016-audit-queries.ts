import type { Kysely } from 'kysely';
import type { Columns } from './columns.ts';

/** Where the chain of audit records begins once the oldest were removed, and ways to what somebody did and when. */
export async function addAuditQueries(db: Kysely<unknown>, { text, number }: Columns): Promise<void> {
  await db.schema
    .createTable('audit_anchor')
    .addColumn('one', number, c => c.primaryKey())
    .addColumn('seq', number, c => c.notNull())
    .addColumn('hash', text, c => c.notNull())
    .execute();
  await db.schema.createIndex('audit_of_caller').on('audit').columns(['caller', 'seq']).execute();
  await db.schema.createIndex('audit_time').on('audit').columns(['time']).execute();
}
