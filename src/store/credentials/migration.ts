import { type CreateTableBuilder, type Kysely, type RawBuilder, sql } from 'kysely';
import type { DialectName } from '../migrations.ts';

/** Tokens of callers for their scripts. `text` compares bytewise. */
export async function addApiTokens(
  db: Kysely<unknown>,
  { text, dialect }: { text: RawBuilder<unknown>; dialect: DialectName },
): Promise<void> {
  const number = sql`bigint`;
  let table: CreateTableBuilder<string, string> = db.schema
    .createTable('api_token')
    .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey());
  for (const column of ['id', 'hash', 'caller', 'name', 'scopes', 'teams'])
    table = table.addColumn(column, text, c => c.notNull());
  await table
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
