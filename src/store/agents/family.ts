import { sql } from 'kysely';
import type { Database, Tx } from '../database.ts';
import { createEnqueuer } from './enqueuing.ts';
import { createLogWriter } from './session-logs.ts';
import { insertSession, requireLiveLimit } from './sessions.ts';
import { createSessionReader, sessionColumns } from './session-rows.ts';
import type { FamilyStore, Prompting } from './store.ts';
import { createTurnReader, turnColumns } from './turn-rows.ts';

/** What a parent has heard of the end of a turn, as `turn.notice` has it. */
const UNTOLD = 0;
const PROMPT_OWED = 1;
const SETTLED = 2;

export function createFamilyStore(db: Database): FamilyStore {
  const turns = createTurnReader(db);
  const sessions = createSessionReader(db);
  const write = createLogWriter(db);
  const { enqueue } = createEnqueuer(db);

  /** On PostgreSQL locked, so that of two hubs the second finds what the first has done. */
  const noticeOf = async (tx: Tx, turnId: string): Promise<number> => {
    const query = tx.selectFrom('turn').select('notice').where('id', '=', turnId);
    const row = await (db.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
    return row?.notice ?? SETTLED;
  };
  const setNotice = async (tx: Pick<Tx, 'updateTable'>, turnId: string, notice: number) => {
    await tx.updateTable('turn').set({ notice }).where('id', '=', turnId).execute();
  };

  return {
    insertChild: (session, { most, perCaller }) =>
      db.write(async tx => {
        await requireLiveLimit(db, tx, { ...session, perCaller });
        await db.lock(tx, `children ${session.parentId}`);
        const siblings = await tx
          .selectFrom('session')
          .select(eb => eb.fn.countAll<number>().as('count'))
          .where('parent_id', '=', session.parentId)
          .where('id', '!=', session.id)
          .where('status', 'not in', ['closed', 'failed'])
          .executeTakeFirstOrThrow();
        return siblings.count >= most ? 'full' : await insertSession(db, tx, session);
      }),

    async notices(limit) {
      const rows = await db.kysely
        .selectFrom('turn')
        .select([...turnColumns, 'notice'])
        // As the condition of the index.
        .where(sql<boolean>`notice < 2`)
        .orderBy('ended_at')
        .orderBy('ordinal')
        .limit(limit)
        .execute();
      const owed = new Set(rows.filter(({ notice }) => notice === PROMPT_OWED).map(({ id }) => id));
      return turns.many(rows).map(turn => ({ turn, isTold: owed.has(turn.id) }));
    },

    tellTurn: (turnId, { parent, event, prompt }) =>
      db.write(async (tx): Promise<Prompting | undefined> => {
        const notice = await noticeOf(tx, turnId);
        if (notice === SETTLED) return undefined;
        const prompting = prompt === undefined ? 'never' : await enqueued(enqueue, tx, { parent, prompt });
        if (notice === UNTOLD) await write(tx, { ...parent, events: [event(prompting)] });
        await setNotice(tx, turnId, prompting === 'later' ? PROMPT_OWED : SETTLED);
        return prompting;
      }),

    settle: turnId => setNotice(db.kysely, turnId, SETTLED),

    async ended(limit) {
      const rows = await db.kysely
        .selectFrom('session')
        .select(sessionColumns)
        // As the condition of the index.
        .where(sql<boolean>`parent_id is not null and status in ('closed', 'failed') and told_epoch < epoch`)
        .orderBy('ordinal')
        .limit(limit)
        .execute();
      return sessions.many(rows);
    },

    tellEnd: ({ id, epoch }, { parent, event }) =>
      db.write(async tx => {
        const { numUpdatedRows } = await tx
          .updateTable('session')
          .set({ told_epoch: epoch })
          .where('id', '=', id)
          .where('told_epoch', '<', epoch)
          .executeTakeFirst();
        if (numUpdatedRows > 0n) await write(tx, { ...parent, events: [event] });
        return numUpdatedRows > 0n;
      }),
  };
}

type Told = Parameters<FamilyStore['tellTurn']>[1];

async function enqueued(
  enqueue: ReturnType<typeof createEnqueuer>['enqueue'],
  tx: Tx,
  { parent, prompt }: { parent: Told['parent']; prompt: NonNullable<Told['prompt']> },
): Promise<Prompting> {
  const { id, body, most } = prompt;
  const turn = {
    id,
    sessionId: parent.id,
    caller: parent.caller,
    prompt: body,
    expiresAt: null,
    state: 'queued',
  } as const;
  return (await enqueue(tx, { ...turn, most })) === 'full' ? 'later' : 'now';
}
