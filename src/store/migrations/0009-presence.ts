import { type Kysely, sql } from 'kysely';
import type { Columns } from './columns.ts';

/** What users do with sessions in their own terminals. */
export async function addPresence(db: Kysely<unknown>, { text, number }: Columns): Promise<void> {
  await db.schema
    .createTable('presence')
    .addColumn('worker', text, c => c.primaryKey())
    .addColumn('open', text, c => c.notNull())
    .addColumn('told_at', number, c => c.notNull())
    .execute();
  await db.schema
    .createTable('mirror')
    .addColumn('session_id', text, c => c.primaryKey())
    .addColumn('position', text, c => c.notNull())
    .addColumn('is_open', number, c => c.notNull())
    .execute();
  await sql`create index mirror_open on mirror (session_id) where is_open = 1`.execute(db);
  await sql`create index session_agent_id on session (worker, agent_session_id)`.execute(db);
}
