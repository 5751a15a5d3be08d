import { randomUUID } from 'node:crypto';
import { type ExpressionBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { Schema } from '../schema.ts';
import type { IdempotencyAnswer, IdempotencyKey, IdempotencyStore } from './store.ts';

const REMEMBERED_MS = 24 * 60 * 60 * 1000;

const schema = z.object({ id: z.string(), argsHash: z.string(), result: jsonObject.nullable() });

/**
 * Which calls with a key are running or done. The row is there before the call has any effect, so that a repeat that arrives
 * at another hub meanwhile is `pending` and not a second call. A call whose hub is gone is begun again by the next repeat.
 */
export function createIdempotencyStore(db: Database): IdempotencyStore {
  const reader = createRowsReader(db, { table: 'idempotency', schema });
  const isFree = (eb: ExpressionBuilder<Schema, 'idempotency'>, owner: string) =>
    eb.or([
      eb('owner', 'is', null),
      // A hub begins a call of its own once more only when it could not write down how the last attempt ended.
      eb('owner', '=', owner),
      eb.not(
        eb.exists(
          eb
            .selectFrom('hub')
            .select('hub.id')
            .whereRef('hub.id', '=', 'idempotency.owner')
            .where('hub.lease_until', '>', db.now),
        ),
      ),
    ]);
  const whole = ({ caller, operation, key }: IdempotencyKey) => ({ caller, operation, key });

  return {
    begin: key =>
      db.write(async (tx): Promise<IdempotencyAnswer> => {
        await db.lock(tx, `idempotency ${JSON.stringify(whole(key))}`);
        await tx
          .deleteFrom('idempotency')
          .where(eb => eb.and(whole(key)))
          .where('expires_at', '<=', db.now)
          .execute();
        const { argsHash: args_hash, owner } = key;
        const inserted = await tx
          .insertInto('idempotency')
          .values({
            ...whole(key),
            args_hash,
            owner,
            nonce: randomUUID(),
            expires_at: sql`${db.now} + ${REMEMBERED_MS}`,
          })
          .onConflict(conflict => conflict.columns(['caller', 'operation', 'key']).doNothing())
          .returning('nonce')
          .executeTakeFirst();
        if (inserted) return { state: 'fresh', nonce: inserted.nonce };
        const row = await tx
          .selectFrom('idempotency')
          .select(['key as id', 'args_hash as argsHash', 'result'])
          .where(eb => eb.and(whole(key)))
          .executeTakeFirstOrThrow();
        const { argsHash, result } = reader.one(row);
        if (argsHash !== args_hash) return { state: 'conflict' };
        if (result !== null) return { state: 'done', result };
        const taken = await tx
          .updateTable('idempotency')
          .set({ owner })
          .where(eb => eb.and(whole(key)))
          .where(eb => isFree(eb, owner))
          .returning('nonce')
          .executeTakeFirst();
        return taken ? { state: 'fresh', nonce: taken.nonce } : { state: 'pending' };
      }),

    async finish(key, result) {
      await db.kysely
        .updateTable('idempotency')
        .set({ result: JSON.stringify(result) })
        .where(eb => eb.and(whole(key)))
        .where('result', 'is', null)
        .execute();
    },

    async forget(key, { owner }) {
      // A result that was given once is never taken back.
      await db.kysely
        .deleteFrom('idempotency')
        .where(eb => eb.and(whole(key)))
        .where('result', 'is', null)
        .where('owner', '=', owner)
        .execute();
    },

    async release(key, { owner }) {
      await db.kysely
        .updateTable('idempotency')
        .set({ owner: null })
        .where(eb => eb.and(whole(key)))
        .where('result', 'is', null)
        .where('owner', '=', owner)
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
