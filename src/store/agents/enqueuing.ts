import { sql } from 'kysely';
import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import { openRecordsOf } from './open-records.ts';
import type { TurnRecord } from './rows.ts';
import { streamOf } from './session-logs.ts';
import type { Enqueued, EnqueueOptions, NewTurn } from './store.ts';
import { createTurnReader, turnColumns } from './turn-rows.ts';

/** States of a session whose agent may be given a prompt. */
export const READY = ['idle', 'running', 'waiting_permission'] as const;

/** Puts prompts at the end of the line of their session, within a transaction of the caller's; see `TurnStore`. */
export function createEnqueuer(db: Database) {
  const reader = createTurnReader(db);
  const lineOf = createLineReader(db);
  const insert = createTurnInserter(db);
  const join = async (
    tx: Tx,
    { most, beginAt, ...turn }: Entering,
    { open, lastSeq, isReadyAt }: Line,
  ): Promise<Enqueued | 'full'> => {
    const { id, state } = turn;
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
  return {
    enqueue: async (tx: Tx, turn: Entering) => await join(tx, turn, await lineOf(tx, turn.sessionId)),
    async enqueueUnlessOpen(tx: Tx, turn: Entering) {
      const line = await lineOf(tx, turn.sessionId);
      return line.isOpenElsewhere ? 'open' : await join(tx, turn, line);
    },
  };
}

type Entering = NewTurn & EnqueueOptions;

interface Line {
  readonly open: readonly { readonly id: string; readonly state: string }[];
  /** Position of the last event of the session's log. */
  readonly lastSeq: number;
  /** The session takes prompts, at this epoch. */
  isReadyAt(epoch: number): boolean;
  /** Its user has it in a terminal, as its worker told last. */
  readonly isOpenElsewhere: boolean;
}

/**
 * What a prompt meets, in one statement. Each part of it is a query of its own inside the row of the session: joined to that, they take SQLite
 * several times as long.
 */
function createLineReader(db: Database): (tx: Tx, sessionId: string) => Promise<Line> {
  const turns =
    db.dialect === 'postgres'
      ? sql`json_agg(json_build_array(ordinal, id, state))::text`
      : sql`json_group_array(json_array(ordinal, id, state))`;
  const read = prepare(
    db,
    (value: ValueOf<{ sessionId: string; stream: string }>) => sql<LineRow>`
      select status, epoch, agent_session_id as "agentSessionId",
        (select last_seq from stream where stream = ${value('stream')}) as "lastSeq",
        (select ${turns} from turn where session_id = session.id and ended_at is null) as turns,
        (select open from presence join worker on worker.id = presence.worker
          where presence.worker = session.worker and session.workspace_id is null
            and worker.is_reaped = 0 and worker.lease_until > ${db.now}) as told
      from session where id = ${value('sessionId')}`,
  );
  return async (tx, sessionId) => {
    await db.lock(tx, `turns ${sessionId}`);
    const row = await read.first({ sessionId, stream: streamOf(sessionId) }, tx);
    if (row === undefined) throw new Error(`there is no session ${sessionId} to enqueue a prompt for`);
    const { status, epoch, lastSeq, turns, agentSessionId, told } = row;
    const inOrder = openTurns.parse(JSON.parse(turns ?? '[]')).sort(([a], [b]) => a - b);
    return {
      open: inOrder.map(([, id, state]) => ({ id, state })),
      lastSeq: lastSeq ?? 0,
      isReadyAt: at => epoch === at && READY.some(ready => ready === status),
      isOpenElsewhere: told !== null && openRecordsOf(told).some(one => one.agentSessionId === agentSessionId),
    };
  };
}

interface LineRow {
  readonly status: string;
  readonly epoch: number;
  readonly agentSessionId: string | null;
  readonly lastSeq: number | null;
  /** JSON; null where there are none. */
  readonly turns: string | null;
  /** What its worker told of terminals; null where there is no such worker. */
  readonly told: string | null;
}

/** Ordinal, id, state. */
const openTurns = z.array(z.tuple([z.number(), z.string(), z.string()]));

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
    insert.first(
      {
        ...turn,
        prompt: JSON.stringify(prompt),
        state: beginAt === undefined ? state : 'running',
        epoch: beginAt ?? null,
      },
      tx,
    );
}

interface TurnRow extends Pick<TurnRecord, 'id' | 'sessionId' | 'caller' | 'state' | 'epoch' | 'expiresAt'> {
  readonly prompt: string;
}
