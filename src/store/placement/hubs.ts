import { type Database, leaseEnd } from '../database.ts';
import type { HubStore } from './store.ts';

/** The hubs and their leases, which run like those of workers: by the database's clock. */
export function createHubStore(db: Database): HubStore {
  return {
    async beat(id, leaseSeconds) {
      await db.kysely
        .insertInto('hub')
        .values({ id, lease_until: leaseEnd(db, leaseSeconds) })
        .onConflict(conflict =>
          conflict.column('id').doUpdateSet({ lease_until: eb => eb.ref('excluded.lease_until') }),
        )
        .execute();
    },

    async leave(id) {
      await db.kysely.deleteFrom('hub').where('id', '=', id).execute();
    },

    /** Deleting and answering are one statement, so that of several hubs only one takes care of a lost one. */
    async reap() {
      const { numDeletedRows } = await db.kysely
        .deleteFrom('hub')
        .where('lease_until', '<=', db.now)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },

    async live() {
      const rows = await db.kysely
        .selectFrom('hub')
        .select('id')
        .where('lease_until', '>', db.now)
        .orderBy('id')
        .execute();
      return rows.map(row => row.id);
    },
  };
}
