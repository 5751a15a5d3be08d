import type { Kysely } from 'kysely';
import type { Columns } from './columns.ts';

/** Tokens of callers for their scripts. */
export async function addApiTokens(db: Kysely<unknown>, { text, number, ordinal }: Columns): Promise<void> {
  await db.schema
    .createTable('api_token')
    .addColumn('ordinal', ordinal, c => c.primaryKey())
    .addColumn('id', text, c => c.notNull())
    .addColumn('hash', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('name', text, c => c.notNull())
    .addColumn('scopes', text, c => c.notNull())
    .addColumn('teams', text, c => c.notNull())
    .addColumn('caller_name', text)
    .addColumn('created_at', number, c => c.notNull())
    .addColumn('expires_at', number, c => c.notNull())
    .addColumn('last_used_at', number)
    .addColumn('revoked_at', number)
    .addUniqueConstraint('api_token_id', ['id'])
    .addUniqueConstraint('api_token_hash', ['hash'])
    .execute();
  await db.schema.createIndex('api_token_of_caller').on('api_token').columns(['caller', 'ordinal']).execute();
}
