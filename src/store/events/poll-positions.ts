import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import type { PollPositionStore } from './store.ts';

/** Of the row that says when the connection began. */
const BEGINNING = '';
/** Of one connection; a client that keeps inventing filters loses those that it used longest ago. */
const MOST = 100;

/** Where polls of connections ended. A connection is one client's, so its rows are written by one hub at a time, mostly. */
export function createPollPositionStore(db: Database): PollPositionStore {
  const find = (connection: string, filters: string) =>
    db.kysely
      .selectFrom('poll_position')
      .select(['seq', 'part', 'updated_at'])
      .where('connection', '=', connection)
      .where('filters', '=', filters)
      .executeTakeFirst();

  const forgetOldest = async (connection: string) => {
    const kept = db.kysely
      .selectFrom('poll_position')
      .select('filters')
      .where('connection', '=', connection)
      .where('filters', '!=', BEGINNING)
      .orderBy('updated_at', 'desc')
      .limit(MOST);
    await db.kysely
      .deleteFrom('poll_position')
      .where('connection', '=', connection)
      .where('filters', '!=', BEGINNING)
      .where('filters', 'not in', kept)
      .execute();
  };

  return {
    async begin(connection) {
      await db.kysely
        .insertInto('poll_position')
        .values({ connection, filters: BEGINNING, seq: 0, part: 0, updated_at: db.now })
        .onConflict(conflict => conflict.columns(['connection', 'filters']).doNothing())
        .execute();
    },

    async get(connection, filters) {
      const known = await find(connection, filters);
      if (known !== undefined) return { seq: known.seq, offset: known.part };
      const began = await find(connection, BEGINNING);
      return began && { since: began.updated_at };
    },

    async set(connection, { filters, seq, offset: part, isForward }) {
      const row = { seq, part, updated_at: db.now };
      let update = db.kysely
        .updateTable('poll_position')
        .set(row)
        .where('connection', '=', connection)
        .where('filters', '=', filters);
      if (isForward) update = update.where(sql<boolean>`(seq, part) <= (${seq}, ${part})`);
      if ((await update.executeTakeFirst()).numUpdatedRows > 0n) return;
      const { numInsertedOrUpdatedRows } = await db.kysely
        .insertInto('poll_position')
        .values({ connection, filters, ...row })
        .onConflict(conflict => conflict.columns(['connection', 'filters']).doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows !== 0n) await forgetOldest(connection);
    },

    async end(connection) {
      await db.kysely.deleteFrom('poll_position').where('connection', '=', connection).execute();
    },

    prune: before =>
      pruneInSteps(limit =>
        db.write(tx => {
          const row = db.kysely.dynamic.ref<string>(db.dialect === 'postgres' ? 'ctid' : 'rowid');
          const some = tx.selectFrom('poll_position').select(row).where('updated_at', '<', before).limit(limit);
          return tx.deleteFrom('poll_position').where(row, 'in', some).executeTakeFirst();
        }),
      ),
  };
}
