import { type Kysely, sql } from 'kysely';
import type { Columns } from './columns.ts';

/** Runs of Codegen that tasks stand for, and what is owed to their orchestrators. */
export async function addCodegen(db: Kysely<unknown>, { text, number, ordinal }: Columns): Promise<void> {
  await db.schema
    .createTable('codegen_run')
    .addColumn('ordinal', ordinal, c => c.primaryKey())
    .addColumn('id', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('owner', text, c => c.notNull())
    .addColumn('run_id', number)
    .addColumn('orchestrator_run_id', number)
    .addColumn('body', text, c => c.notNull())
    .addColumn('delivery_state', text)
    .addColumn('delivery_at', number)
    .addColumn('delivery_error', text)
    .addColumn('delivery_task', text)
    .addColumn('created_at', number, c => c.notNull())
    .addColumn('ended_at', number)
    .addUniqueConstraint('codegen_run_id', ['id'])
    .execute();
  await db.schema.createIndex('codegen_run_of').on('codegen_run').columns(['caller', 'run_id']).execute();
  await db.schema
    .createIndex('codegen_child_of')
    .on('codegen_run')
    .columns(['caller', 'orchestrator_run_id'])
    .execute();
  await sql`create index codegen_run_open on codegen_run (ordinal) where ended_at is null`.execute(db);
  await sql`create index codegen_delivery on codegen_run (delivery_state) where delivery_state in ('waiting', 'sending')`.execute(
    db,
  );
}
