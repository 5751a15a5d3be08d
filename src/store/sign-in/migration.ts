import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';

/** Users of the built-in authorization server, and what it remembers. `text` compares bytewise. */
export async function addSignIn(db: Kysely<unknown>, text: RawBuilder<unknown>): Promise<void> {
  const number = sql`bigint`;
  let users: CreateTableBuilder<string, string> = db.schema
    .createTable('auth_user')
    .addColumn('name', text, c => c.primaryKey());
  for (const column of ['password', 'scopes', 'teams']) users = users.addColumn(column, text, c => c.notNull());
  for (const column of ['is_locked', 'failures', 'blocked_until', 'created_at'])
    users = users.addColumn(column, number, c => c.notNull());
  await users.addColumn('signed_in_at', number).execute();

  let records: CreateTableBuilder<string, string> = db.schema.createTable('auth_record');
  for (const column of ['kind', 'id', 'payload']) records = records.addColumn(column, text, c => c.notNull());
  for (const column of ['grant_id', 'uid', 'account']) records = records.addColumn(column, text);
  await records
    .addColumn('consumed_at', number)
    .addColumn('expires_at', number)
    .addPrimaryKeyConstraint('auth_record_key', ['kind', 'id'])
    .execute();
  for (const column of ['grant_id', 'uid', 'account', 'expires_at'])
    await db.schema.createIndex(`auth_record_${column}`).on('auth_record').columns([column]).execute();
}
