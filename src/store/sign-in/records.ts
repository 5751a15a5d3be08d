import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { FoundRecord, SignInRecord, SignInStore } from './store.ts';
import { createUserStore } from './users.ts';

const columns = ['id', 'payload', 'consumed_at as consumedAt'] as const;
const schema = z.object({ id: z.string(), payload: jsonObject, consumedAt: z.number().nullable() });

/** Everything of the built-in authorization server, which any hub may serve. */
export function createSignInStore(db: Database): SignInStore {
  const reader = createRowsReader<FoundRecord>(db, { table: 'auth_record', schema });
  const rowOf = ({ kind, id, payload, grantId, uid, account, expiresInSeconds }: SignInRecord) => ({
    kind,
    id,
    payload: JSON.stringify(payload),
    grant_id: grantId ?? null,
    uid: uid ?? null,
    account: account ?? null,
    expires_at: expiresInSeconds === undefined ? null : until(expiresInSeconds),
  });
  const until = (seconds: number) => sql<number>`${db.now} + ${Math.round(seconds * 1000)}`;

  return {
    ...createUserStore(db),

    async put(record) {
      const row = rowOf(record);
      await db.kysely
        .insertInto('auth_record')
        .values(row)
        .onConflict(conflict => conflict.columns(['kind', 'id']).doUpdateSet(row))
        .execute();
    },

    insert: (record, { most } = {}) =>
      db.write(async tx => {
        if (most !== undefined) {
          // Counting and inserting must be one step also on PostgreSQL.
          await db.lock(tx, `sign-in ${record.kind}`);
          const { count } = await tx
            .selectFrom('auth_record')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .where('kind', '=', record.kind)
            .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', db.now)]))
            .executeTakeFirstOrThrow();
          if (Number(count) >= most) return false;
        }
        const { numInsertedOrUpdatedRows } = await tx
          .insertInto('auth_record')
          .values(rowOf(record))
          .onConflict(conflict => conflict.columns(['kind', 'id']).doNothing())
          .executeTakeFirst();
        return (numInsertedOrUpdatedRows ?? 0n) > 0n;
      }),

    async find(kind, by) {
      const row = await db.kysely
        .selectFrom('auth_record')
        .select(columns)
        .where('kind', '=', kind)
        .where('id' in by ? 'id' : 'uid', '=', 'id' in by ? by.id : by.uid)
        .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', db.now)]))
        .executeTakeFirst();
      return reader.maybe(row);
    },

    async consume(kind, id) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('auth_record')
        .set({ consumed_at: db.now })
        .where('kind', '=', kind)
        .where('id', '=', id)
        .where('consumed_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async remove(kind, id) {
      await db.kysely.deleteFrom('auth_record').where('kind', '=', kind).where('id', '=', id).execute();
    },

    async removeGrant(grantId, kind) {
      let query = db.kysely.deleteFrom('auth_record').where('grant_id', '=', grantId);
      if (kind !== undefined) query = query.where('kind', '=', kind);
      await query.execute();
    },

    async keep(kind, id, seconds) {
      await db.kysely
        .updateTable('auth_record')
        .set({ expires_at: until(seconds) })
        .where('kind', '=', kind)
        .where('id', '=', id)
        .where('expires_at', '<', until(seconds))
        .execute();
    },

    prune: () =>
      pruneInSteps(limit =>
        db.write(tx => {
          const some = tx.selectFrom('auth_record').select('expires_at').where('expires_at', '<=', db.now);
          const last = sql<number>`(select max(expires_at) from (${some.orderBy('expires_at').limit(limit)}) as doomed)`;
          return tx.deleteFrom('auth_record').where('expires_at', '<=', last).executeTakeFirst();
        }),
      ),
  };
}
