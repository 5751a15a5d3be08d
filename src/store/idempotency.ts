import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from './database.ts';
import { pruneInSteps } from './prune.ts';
import { createRowsReader, jsonObject } from './rows-reader.ts';
import type { IdempotencyAnswer, IdempotencyStore } from './store.ts';

const REMEMBERED_MS = 24 * 60 * 60 * 1000;

const schema = z.object({ id: z.string(), argsHash: z.string(), result: jsonObject.nullable() });

type Key = Parameters<IdempotencyStore['forget']>[0];

/**
 * Which calls with a key are running or done. The row is there before the call has any effect, so that a repeat that arrives
 * at another hub meanwhile is `pending` and not a second call.
 */
export function createIdempotencyStore(db: Database): IdempotencyStore {
  const reader = createRowsReader(db, { table: 'idempotency', schema });
  const whole = ({ caller, operation, key }: Key) => ({ caller, operation, key });

  return {
    begin: key =>
      db.write(async (tx): Promise<IdempotencyAnswer> => {
        await db.lock(tx, `idempotency ${JSON.stringify(whole(key))}`);
        await tx
          .deleteFrom('idempotency')
          .where(eb => eb.and(whole(key)))
          .where('expires_at', '<=', db.now)
          .execute();
        const { numInsertedOrUpdatedRows: inserted } = await tx
          .insertInto('idempotency')
          .values({ ...whole(key), args_hash: key.argsHash, expires_at: sql`${db.now} + ${REMEMBERED_MS}` })
          .onConflict(conflict => conflict.columns(['caller', 'operation', 'key']).doNothing())
          .executeTakeFirst();
        if (inserted) return { state: 'fresh' };
        const row = await tx
          .selectFrom('idempotency')
          .select(['key as id', 'args_hash as argsHash', 'result'])
          .where(eb => eb.and(whole(key)))
          .executeTakeFirstOrThrow();
        const { argsHash, result } = reader.one(row);
        if (argsHash !== key.argsHash) return { state: 'conflict' };
        return result === null ? { state: 'pending' } : { state: 'done', result };
      }),

    async finish(key, result) {
      await db.kysely
        .updateTable('idempotency')
        .set({ result: JSON.stringify(result) })
        .where(eb => eb.and(whole(key)))
        .execute();
    },

    async forget(key) {
      // A result that was given once is never taken back.
      await db.kysely
        .deleteFrom('idempotency')
        .where(eb => eb.and(whole(key)))
        .where('result', 'is', null)
        .execute();
    },

    prune: () =>
      pruneInSteps(async limit => {
        const expired = db.kysely
          .selectFrom('idempotency')
          .select(['caller', 'operation', 'key'])
          .where('expires_at', '<=', db.now)
          .limit(limit);
        return await db.kysely
          .deleteFrom('idempotency')
          .where(eb =>
            eb(eb.refTuple('caller', 'operation', 'key'), 'in', expired.$asTuple('caller', 'operation', 'key')),
          )
          .executeTakeFirst();
      }),
  };
}
