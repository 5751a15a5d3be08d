import type { Kysely } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** Users of the built-in authorization server, and what it remembers. */
export async function addSignIn(db: Kysely<unknown>, columns: Columns): Promise<void> {
  const { text, number } = columns;
  await db.schema
    .createTable('auth_user')
    .addColumn('name', text, c => c.primaryKey())
    .addColumn('password', text, c => c.notNull())
    .addColumn('scopes', text, c => c.notNull())
    .addColumn('teams', text, c => c.notNull())
    .addColumn('is_locked', number, c => c.notNull())
    .addColumn('failures', number, c => c.notNull())
    .addColumn('blocked_until', number, c => c.notNull())
    .addColumn('created_at', number, c => c.notNull())
    .addColumn('signed_in_at', number)
    .execute();
  await tableOf(db, {
    columns,
    name: 'auth_record',
    texts: ['kind', 'id', 'payload'],
    nullableTexts: ['grant_id', 'uid', 'account'],
    nullableNumbers: ['consumed_at', 'expires_at'],
  })
    .addPrimaryKeyConstraint('auth_record_key', ['kind', 'id'])
    .execute();
  for (const column of ['grant_id', 'uid', 'account', 'expires_at'])
    await db.schema.createIndex(`auth_record_${column}`).on('auth_record').columns([column]).execute();
}
