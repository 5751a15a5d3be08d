import type { Kysely } from 'kysely';
import type { Columns } from './columns.ts';

/** Hubs have leases as workers do, and a call with a key belongs to the hub that runs it. */
export async function addCallOwners(db: Kysely<unknown>, { text, number }: Columns): Promise<void> {
  await db.schema
    .createTable('hub')
    .addColumn('id', text, c => c.primaryKey())
    .addColumn('lease_until', number, c => c.notNull())
    .execute();
  // Of the calls that an earlier version left unfinished nobody is the owner, so that the next attempt takes them over.
  await db.schema.alterTable('idempotency').addColumn('owner', text).execute();
  await db.schema
    .alterTable('idempotency')
    .addColumn('nonce', text, c => c.notNull().defaultTo(''))
    .execute();
}
