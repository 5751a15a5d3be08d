import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import type { DialectName } from '../migrations.ts';

/** What callers share with others, and quick ways to what they have. `text` compares bytewise. */
export async function addSharing(
  db: Kysely<unknown>,
  { text, dialect }: { text: RawBuilder<unknown>; dialect: DialectName },
): Promise<void> {
  let table: CreateTableBuilder<string, string> = db.schema
    .createTable('share')
    .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey());
  for (const column of ['id', 'kind', 'target', 'owner', 'grantee_kind', 'grantee', 'access'])
    table = table.addColumn(column, text, c => c.notNull());
  await table
    .addColumn('created_at', sql`bigint`, c => c.notNull())
    .addUniqueConstraint('share_id', ['id'])
    .addUniqueConstraint('share_once', ['kind', 'target', 'grantee_kind', 'grantee'])
    .execute();
  await db.schema.createIndex('share_of_owner').on('share').columns(['owner', 'ordinal']).execute();
  await db.schema.createIndex('session_of_agent').on('session').columns(['agent_session_id']).execute();
  // What is counted against the limits of a caller.
  for (const name of ['artifact', 'checkpoint', 'session_upload'])
    await db.schema.createIndex(`${name}_of_caller`).on(name).columns(['caller', 'size_bytes']).execute();
  await sql`create index task_unfinished on task (caller) where completed_at is null`.execute(db);
  await db.schema.createIndex('share_with').on('share').columns(['grantee_kind', 'grantee', 'ordinal']).execute();
}
