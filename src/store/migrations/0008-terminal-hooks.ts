import type { Kysely } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** Tokens that hooks of terminals show, and the sessions that were heard of through them. */
export async function addTerminalHooks(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('hook_token')
    .addColumn('hash', columns.text, c => c.primaryKey())
    .addColumn('caller', columns.text, c => c.notNull())
    .addColumn('created_at', columns.number, c => c.notNull())
    .execute();
  await tableOf(db, { columns, name: 'terminal', texts: ['agent_session_id', 'caller'], numbers: ['heard_at'] })
    .addPrimaryKeyConstraint('terminal_key', ['agent_session_id', 'caller'])
    .execute();
  await db.schema.createIndex('terminal_age').on('terminal').columns(['heard_at']).execute();
}
