import { type Kysely, sql } from 'kysely';
import { type Columns, numberedTableOf } from './columns.ts';

/** What callers share with others, and quick ways to what they have. */
export async function addSharing(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await numberedTableOf(db, {
    columns,
    name: 'share',
    texts: ['id', 'kind', 'target', 'owner', 'grantee_kind', 'grantee', 'access'],
    numbers: ['created_at'],
  })
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
