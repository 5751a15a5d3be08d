import type { Kysely } from 'kysely';
import { type Columns, numberedTableOf } from './columns.ts';

/** Sessions of clients, so that every hub knows them. */
export async function addClientSessions(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await numberedTableOf(db, {
    columns,
    name: 'client_session',
    texts: ['id', 'caller', 'connection', 'opening'],
    numbers: ['last_used_at'],
  }).execute();
  await db.schema.createIndex('client_session_use').on('client_session').columns(['caller', 'last_used_at']).execute();
}
