import { sql } from 'kysely';
import { z } from 'zod';
import { createNextAppender, createRemoteNextAppender, eventTable } from './append-next.ts';
import type { Database, Tx } from '../database.ts';
import { pruneEvents } from './event-retention.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import type { EventRecord } from '../rows.ts';
import { createRowsReader, jsonObject } from '../rows-reader.ts';
import type { AppendOutcome, EventRange, EventStore } from './store.ts';

const columns = ['stream', 'seq', 'epoch', 'type', 'body', 'time'] as const;

const schema = z.object({
  stream: z.string(),
  seq: z.number(),
  epoch: z.number(),
  type: z.string(),
  body: jsonObject,
  time: z.number(),
});

type Batch = Parameters<EventStore['append']>[0];

/** Appends within a transaction of the caller's, see `EventStore.append`. */
export function createAppender(db: Database): (tx: Tx, batch: Batch) => Promise<AppendOutcome> {
  const appendNext = createNextAppender(db);
  /** The stream's row with the database's time; on PostgreSQL locked, so that appends to one stream take turns. */
  const readStream = async (tx: Tx, stream: string) => {
    const query = tx
      .selectFrom('stream')
      .select(['epoch', 'last_seq as lastSeq', 'updated_at as updatedAt', db.now.as('now')])
      .where('stream', '=', stream);
    return await (db.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  };

  /** Two hubs may open the same stream; the second waits for the first and then reads its row. */
  const openStream = async (tx: Tx, { stream, epoch }: Batch) => {
    await tx
      .insertInto('stream')
      .values({ stream, epoch, last_seq: 0, updated_at: db.now })
      .onConflict(conflict => conflict.column('stream').doNothing())
      .execute();
    return await readStream(tx, stream);
  };

  return async (tx, batch) => {
    const { stream, epoch, events } = batch;
    if (batch.first === 'next') return outcomeOf(await appendNext(batch, tx));
    const isAhead = batch.first > 1;
    const state = (await readStream(tx, stream)) ?? (isAhead ? undefined : await openStream(tx, batch));
    if (!state) return { gap: 1 };
    if (epoch < state.epoch) return { fenced: true };
    const next = state.lastSeq + 1;
    const { first } = batch;
    if (first > next) return { gap: next };
    // What is there already was sent before; only the rest is new.
    const fresh = events.slice(next - first);
    const lastSeq = state.lastSeq + fresh.length;
    // Never before the event in front of it, even when the clock was set back: pruning by time then leaves no gap.
    const time = Math.max(state.now, state.updatedAt);
    const rows = fresh.map(({ type, body }, i) => [stream, next + i, epoch, type, JSON.stringify(body), time]);
    await db.insertMany(tx, eventTable, rows);
    if (fresh.length > 0 || epoch > state.epoch) {
      const set = { epoch, last_seq: lastSeq, updated_at: time };
      await tx.updateTable('stream').set(set).where('stream', '=', stream).execute();
    }
    return { ack: lastSeq };
  };
}

const outcomeOf = (appended: { readonly last: number } | undefined): AppendOutcome =>
  appended === undefined ? { fenced: true } : { ack: appended.last };

/**
 * The log, keyed (stream, seq). Positions and epochs are kept in `stream`, apart from the events, so that pruning neither
 * reuses a position nor forgets a fence. An outbox may therefore resend whatever it does not know to have arrived.
 */
export function createEventStore(db: Database): EventStore {
  const reader = createRowsReader<EventRecord>(db, { table: 'event', schema });
  const append = createAppender(db);
  const appendRemotely = createRemoteNextAppender(db);
  const after = prepare(db, (value: ValueOf<{ stream: string; after: number; limit: number }>) =>
    db.kysely
      .selectFrom('event')
      .select(columns)
      .where('stream', '=', value('stream'))
      .where('seq', '>', value('after'))
      .orderBy('seq')
      .limit(value('limit')),
  );

  return {
    async append(batch) {
      if (batch.first !== 'next' && !(Number.isSafeInteger(batch.first) && batch.first >= 1)) {
        throw new RangeError('the first seq of a batch must be a whole number from 1');
      }
      // One statement is a transaction already.
      if (db.dialect === 'postgres' && batch.first === 'next') return outcomeOf(await appendRemotely(batch));
      return await db.write(tx => append(tx, batch));
    },

    async read(stream, position, limit) {
      return reader.many(await after.all({ stream, after: position, limit }));
    },

    async lastSeq(stream) {
      const query = db.kysely.selectFrom('stream').select('last_seq').where('stream', '=', stream);
      return (await query.executeTakeFirst())?.last_seq ?? 0;
    },

    async readRanges(ranges) {
      if (ranges.length === 0) return [];
      const { rows } = await sql`select ${sql.join(columns.map(column => sql.ref(`event.${column}`)))}
        from ${rangesTable(db, ranges)}
        join event on event.stream = wanted.stream and event.seq between wanted.first_seq and wanted.last_seq
        order by wanted.place, event.seq`.execute(db.kysely);
      return reader.many(rows);
    },

    async span(stream) {
      const { rows } = await sql<{ first: number | null; last: number }>`
        select last_seq as last, (select min(seq) from event where stream = ${stream}) as first
        from stream where stream = ${stream}`.execute(db.kysely);
      const { first = null, last = 0 } = rows[0] ?? {};
      return { first: first ?? last + 1, last };
    },

    async before(stream, time) {
      const query = db.kysely.selectFrom('event').select('seq').where('stream', '=', stream).where('time', '<', time);
      return (await query.orderBy('seq', 'desc').limit(1).executeTakeFirst())?.seq ?? 0;
    },

    async turnEnds(stream, limit) {
      // The type is part of the statement, because the index is of this type alone.
      const { rows } = await sql<{ seq: number }>`select seq from event
        where stream = ${stream} and type = 'session.idle' order by seq desc limit ${limit}`.execute(db.kysely);
      return rows.map(({ seq }) => seq);
    },

    prune: (before, { sessionsBefore = before } = {}) => pruneEvents(db, { before, sessionsBefore }),
  };
}

/** The ranges as a table, in one parameter or three, so that the statement is the same for any number of them. */
function rangesTable(db: Database, ranges: readonly EventRange[]) {
  if (db.dialect === 'sqlite')
    return sql`(select value ->> 'stream' as stream, value ->> 'first' as first_seq, value ->> 'last' as last_seq,
      key as place from json_each(${JSON.stringify(ranges)})) as wanted`;
  const column = (of: (range: EventRange) => string | number) => ranges.map(of);
  return sql`unnest(${column(({ stream }) => stream)}::text[], ${column(({ first }) => first)}::bigint[],
    ${column(({ last }) => last)}::bigint[]) with ordinality as wanted (stream, first_seq, last_seq, place)`;
}
