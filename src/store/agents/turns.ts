import { sql } from 'kysely';
import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import { createRowsReader, jsonObject, type RowsReader } from '../rows-reader.ts';
import type { TurnRecord } from './rows.ts';
import { streamOf } from './session-logs.ts';
import type { Enqueued, NewTurn, TurnEnding, TurnStore } from './store.ts';

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
/** States of a session whose agent may be given a prompt. */
const READY = ['idle', 'running', 'waiting_permission'] as const;

export const createTurnReader = (db: Database): RowsReader<TurnRecord> =>
  createRowsReader<TurnRecord>(db, { table: 'turn', schema });

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

/** Puts a prompt at the end of the line of its session, within a transaction of the caller's; see `TurnStore.enqueue`. */
export function createEnqueuer(db: Database) {
  const reader = createTurnReader(db);
  const lineOf = createLineReader(db);
  const insert = createTurnInserter(db);
  return async (
    tx: Tx,
    { most, beginAt, ...turn }: NewTurn & { most: number; beginAt?: number },
  ): Promise<Enqueued | 'full'> => {
    const { id, sessionId, state } = turn;
    await db.lock(tx, `turns ${sessionId}`);
    const { open, lastSeq, isReadyAt } = await lineOf(tx, sessionId);
    const at = open.findIndex(one => one.id === id);
    const before = at < 0 ? open : open.slice(0, at);
    const waiting = before.filter(one => one.state !== 'running').length;
    const place = { position: waiting + 1, isBehind: waiting < before.length, lastSeq };
    const known = async (): Promise<Enqueued | undefined> => {
      const row = await tx.selectFrom('turn').select(turnColumns).where('id', '=', id).executeTakeFirst();
      return row && { ...place, turn: reader.one(row), hasBegun: false };
    };
    if (waiting >= most) return (await known()) ?? 'full';
    const begins = state === 'queued' && open.length === 0 && beginAt !== undefined && isReadyAt(beginAt);
    const row = await insert(tx, turn, begins ? beginAt : undefined);
    if (row !== undefined) return { ...place, turn: reader.one(row), hasBegun: begins };
    const there = await known();
    if (there === undefined) throw new Error('a turn was deleted in the moment that it was enqueued again');
    return there;
  };
}

interface Line {
  readonly open: readonly { readonly id: string; readonly state: string }[];
  /** Position of the last event of the session's log. */
  readonly lastSeq: number;
  /** The session takes prompts, at this epoch. */
  isReadyAt(epoch: number): boolean;
}

/** What a prompt meets, in one statement: a row for each turn of the session that has not ended, or one without any. */
function createLineReader(db: Database): (tx: Tx, sessionId: string) => Promise<Line> {
  const read = prepare(
    db,
    (value: ValueOf<{ sessionId: string; stream: string }>) => sql<{
      id: string | null;
      state: string | null;
      status: string | null;
      epoch: number | null;
      lastSeq: number | null;
    }>`
      select turn.id, turn.state, session.status, session.epoch, stream.last_seq as "lastSeq"
      from (select 1 as one) as always
      left join session on session.id = ${value('sessionId')}
      left join stream on stream.stream = ${value('stream')}
      left join turn on turn.session_id = ${value('sessionId')} and turn.ended_at is null
      order by turn.ordinal`,
  );
  return async (tx, sessionId) => {
    const rows = await read.all(tx, { sessionId, stream: streamOf(sessionId) });
    const { status, epoch, lastSeq } = rows[0] ?? {};
    return {
      open: rows.flatMap(({ id, state }) => (id === null || state === null ? [] : [{ id, state }])),
      lastSeq: lastSeq ?? 0,
      isReadyAt: at => epoch === at && READY.some(ready => ready === status),
    };
  };
}

/** Undefined when there is one of this id. `beginAt`: it begins at once, at this epoch of its session. */
function createTurnInserter(db: Database) {
  const insert = prepare(db, (value: ValueOf<TurnRow>) =>
    db.kysely
      .insertInto('turn')
      .values({
        id: value('id'),
        session_id: value('sessionId'),
        caller: value('caller'),
        state: value('state'),
        prompt: value('prompt'),
        epoch: value('epoch'),
        result: null,
        created_at: db.now,
        started_at: sql`case when ${value('state')} = 'running' then ${db.now} end`,
        ended_at: null,
        expires_at: value('expiresAt'),
      })
      .onConflict(conflict => conflict.column('id').doNothing())
      .returning(turnColumns),
  );
  return (tx: Tx, { prompt, state, ...turn }: NewTurn, beginAt: number | undefined) =>
    insert.first(tx, {
      ...turn,
      prompt: JSON.stringify(prompt),
      state: beginAt === undefined ? state : 'running',
      epoch: beginAt ?? null,
    });
}

interface TurnRow extends Pick<TurnRecord, 'id' | 'sessionId' | 'caller' | 'state' | 'epoch' | 'expiresAt'> {
  readonly prompt: string;
}

/** Prompts and what became of them. Of one session one runs at a time, the others wait in the order in which they came. */
export function createTurnStore(db: Database): TurnStore {
  const reader = createTurnReader(db);
  const enqueue = createEnqueuer(db);
  const select = (tx: Pick<Tx, 'selectFrom'> = db.kysely) => tx.selectFrom('turn').select(turnColumns);

  return {
    enqueue: (turn, options) => db.write(tx => enqueue(tx, { ...turn, ...options })),

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
