import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { createRowsReader, jsonObject, type RowsReader } from '../rows-reader.ts';
import type { TurnRecord } from './rows.ts';
import type { TurnEnding, TurnStore } from './store.ts';

export const turnColumns = [
  'id',
  'session_id as sessionId',
  'caller',
  'state',
  'prompt',
  'epoch',
  'result',
  'created_at as createdAt',
  'started_at as startedAt',
  'ended_at as endedAt',
  'expires_at as expiresAt',
] as const;

const schema = z.object({
  id: z.string(),
  sessionId: z.string(),
  caller: z.string(),
  state: z.enum(['queued', 'waiting', 'running', 'completed', 'aborted', 'failed', 'expired', 'interrupted']),
  prompt: jsonObject,
  epoch: z.number().nullable(),
  result: jsonObject.nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  expiresAt: z.number().nullable(),
});

const OPEN = ['queued', 'waiting', 'running'] as const;

export const createTurnReader = (db: Database): RowsReader<TurnRecord> =>
  createRowsReader<TurnRecord>(db, { table: 'turn', schema });

/** Ends a turn within a transaction of the caller's; false when it has ended. */
export async function endTurn(db: Database, tx: Tx, { id, state, result }: TurnEnding): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('turn')
    .set({ state, result: JSON.stringify(result), ended_at: db.now })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Prompts and what became of them. Of one session one runs at a time, the others wait in the order in which they came. */
export function createTurnStore(db: Database): TurnStore {
  const reader = createTurnReader(db);
  const select = (tx: Pick<Tx, 'selectFrom'> = db.kysely) => tx.selectFrom('turn').select(turnColumns);

  return {
    enqueue: ({ id, sessionId, caller, prompt, expiresAt, state }, { most }) =>
      db.write(async tx => {
        await db.lock(tx, `turns ${sessionId}`);
        const open = await select(tx).where('session_id', '=', sessionId).where('ended_at', 'is', null).execute();
        const position = open.filter(turn => turn.state !== 'running').length;
        const known = reader.maybe(await select(tx).where('id', '=', id).executeTakeFirst());
        if (known !== undefined) return { turn: known, position: open.findIndex(turn => turn.id === id) + 1 };
        if (position >= most) return 'full';
        const row = await tx
          .insertInto('turn')
          .values({
            id,
            session_id: sessionId,
            caller,
            state,
            prompt: JSON.stringify(prompt),
            epoch: null,
            result: null,
            created_at: db.now,
            started_at: null,
            ended_at: null,
            expires_at: expiresAt,
          })
          .returning(turnColumns)
          .executeTakeFirstOrThrow();
        return { turn: reader.one(row), position: position + 1 };
      }),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    begin: (sessionId, epoch) =>
      db.write(async tx => {
        await db.lock(tx, `turns ${sessionId}`);
        const open = await select(tx)
          .where('session_id', '=', sessionId)
          .where('state', 'in', ['queued', 'running'])
          .orderBy('ordinal')
          .execute();
        const [next] = open;
        if (next === undefined || open.some(turn => turn.state === 'running')) return undefined;
        const row = await tx
          .updateTable('turn')
          .set({ state: 'running', epoch, started_at: db.now })
          .where('id', '=', next.id)
          .returning(turnColumns)
          .executeTakeFirst();
        return reader.maybe(row);
      }),

    async retract(id) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('turn')
        .set({ state: 'queued', epoch: null, started_at: null })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    end: turn => db.write(tx => endTurn(db, tx, turn)),

    async release(sessionId) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('turn')
        .set({ state: 'queued', expires_at: null })
        .where('session_id', '=', sessionId)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },

    async open(sessionId) {
      let query = select().where('state', 'in', OPEN).orderBy('ordinal');
      if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
      return reader.many(await query.execute());
    },

    async expire() {
      const rows = await db.kysely
        .updateTable('turn')
        .set({ state: 'expired', ended_at: db.now })
        .where('state', '=', 'waiting')
        .where('expires_at', '<=', db.now)
        .returning(turnColumns)
        .execute();
      return reader.many(rows);
    },
  };
}
