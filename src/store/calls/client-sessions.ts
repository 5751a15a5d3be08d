import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../database.ts';
import type { ClientSessionRecord } from '../rows.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { ClientSessionStore } from './store.ts';

const columns = ['id', 'caller', 'connection', 'opening', 'last_used_at as lastUsedAt'] as const;
const schema = z.object({
  id: z.string(),
  caller: z.string(),
  connection: z.string(),
  opening: jsonObject,
  lastUsedAt: z.number(),
});

/** The sessions of clients, which any hub may serve. */
export function createClientSessionStore(db: Database): ClientSessionStore {
  const reader = createRowsReader<ClientSessionRecord>(db, { table: 'client_session', schema });
  const unusedFor = (seconds: number) => sql<number>`${db.now} - ${Math.round(seconds * 1000)}`;

  return {
    insert: ({ id, caller, connection, opening }, { maxPerCaller }) =>
      db.write(async tx => {
        // Counting and inserting must be one step also on PostgreSQL.
        await db.lock(tx, `sessions ${caller}`);
        const row = { id, caller, connection, opening: JSON.stringify(opening), last_used_at: db.now };
        await tx.insertInto('client_session').values(row).execute();
        const kept = tx
          .selectFrom('client_session')
          .select('ordinal')
          .where('caller', '=', caller)
          .orderBy('last_used_at', 'desc')
          .orderBy('ordinal', 'desc')
          .limit(maxPerCaller);
        const ended = await tx
          .deleteFrom('client_session')
          .where('caller', '=', caller)
          .where('ordinal', 'not in', kept)
          .returning(columns)
          .execute();
        return reader.many(ended);
      }),

    async get(id) {
      return reader.maybe(
        await db.kysely.selectFrom('client_session').select(columns).where('id', '=', id).executeTakeFirst(),
      );
    },

    async touch(ids) {
      // Sorted, so that two hubs that touch the same rows take them in the same order.
      const sorted = [...new Set(ids)].sort();
      if (sorted.length === 0) return;
      await db.kysely.updateTable('client_session').set({ last_used_at: db.now }).where('id', 'in', sorted).execute();
    },

    async end(id) {
      const { numDeletedRows } = await db.kysely.deleteFrom('client_session').where('id', '=', id).executeTakeFirst();
      return numDeletedRows > 0n;
    },

    async endUnused(seconds) {
      const rows = await db.kysely
        .deleteFrom('client_session')
        .where('last_used_at', '<=', unusedFor(seconds))
        .returning(columns)
        .execute();
      return reader.many(rows);
    },
  };
}
