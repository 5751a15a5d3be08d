import { sql } from 'kysely';
import type { Database, Tx } from '../database.ts';
import { createBeginner } from './beginning.ts';
import { createEnqueuer } from './enqueuing.ts';
import { createTurnReader, turnColumns } from './turn-rows.ts';
import type { TurnEnding, TurnStore } from './store.ts';

const OPEN = ['queued', 'waiting', 'running'] as const;
/** The parent of its session, where there is one, is to hear that the turn has ended. */
const noticeOfEnd = sql<number | null>`case when exists
  (select 1 from session where session.id = turn.session_id and parent_id is not null) then 0 end`;

/** Ends a turn within a transaction of the caller's; false when it has ended. */
export async function endTurn(db: Database, tx: Tx, { id, state, result }: TurnEnding): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('turn')
    .set({ state, result: JSON.stringify(result), ended_at: db.now, notice: noticeOfEnd })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Prompts and what became of them. Of one session one runs at a time, the others wait in the order in which they came. */
export function createTurnStore(db: Database): TurnStore {
  const reader = createTurnReader(db);
  const { enqueue, enqueueUnlessOpen } = createEnqueuer(db);
  const select = (tx: Pick<Tx, 'selectFrom'> = db.kysely) => tx.selectFrom('turn').select(turnColumns);

  return {
    enqueue: (turn, options) => db.write(tx => enqueue(tx, { ...turn, ...options })),
    beginAtOnce: createBeginner(db),
    enqueueUnlessOpen: (turn, options) => db.write(async tx => await enqueueUnlessOpen(tx, { ...turn, ...options })),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    begin: (sessionId, epoch) =>
      db.write(async tx => {
        await db.lock(tx, `turns ${sessionId}`);
        const open = await tx
          .selectFrom('turn')
          .select(['id', 'state'])
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

    async hold(id, { prompt, expiresAt }) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('turn')
        .set({ state: 'waiting', prompt: JSON.stringify(prompt), expires_at: expiresAt, epoch: null, started_at: null })
        .where('id', '=', id)
        .where('state', 'in', OPEN)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    release: sessionId =>
      db.write(async tx => {
        await db.lock(tx, `turns ${sessionId}`);
        const waiting = await select(tx).where('session_id', '=', sessionId).where('state', '=', 'waiting').execute();
        for (const { id, prompt } of reader.many(waiting)) {
          const { deliver: _deliver, ...plain } = prompt;
          await tx
            .updateTable('turn')
            .set({ state: 'queued', expires_at: null, prompt: JSON.stringify(plain) })
            .where('id', '=', id)
            .execute();
        }
        return waiting.length;
      }),

    async open(sessionId) {
      let query = select().where('state', 'in', OPEN).orderBy('ordinal');
      if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
      return reader.many(await query.execute());
    },

    async expire() {
      const rows = await db.kysely
        .updateTable('turn')
        .set({ state: 'expired', ended_at: db.now, notice: noticeOfEnd })
        .where('state', '=', 'waiting')
        .where('expires_at', '<=', db.now)
        .returning(turnColumns)
        .execute();
      return reader.many(rows);
    },
  };
}
