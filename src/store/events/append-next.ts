import { sql } from 'kysely';
import type { BulkTable, Database, Tx } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import type { JsonObject } from '../rows.ts';

export interface NextEvents {
  readonly stream: string;
  readonly epoch: number;
  readonly events: readonly { readonly type: string; readonly body: JsonObject }[];
}

/** Where the last of them is, and the time of all, epoch milliseconds. */
interface Appended {
  readonly last: number;
  readonly time: number;
}

type AppendNext = (events: NextEvents, tx: Tx) => Promise<Appended | undefined>;

export const eventTable: BulkTable = {
  table: 'event',
  columns: { stream: 'text', seq: 'bigint', epoch: 'bigint', type: 'text', body: 'text', time: 'bigint' },
};

/** Appends to the end of a stream within a transaction; undefined when the epoch is an old one. */
export const createNextAppender = (db: Database): AppendNext =>
  db.dialect === 'postgres' ? createRemoteNextAppender(db) : createLocalNextAppender(db);

/**
 * On PostgreSQL in one statement, because each further one would be a journey; so it needs no transaction. The row of the stream is locked,
 * and appends to one stream take turns.
 */
export function createRemoteNextAppender(db: Database): (events: NextEvents, tx?: Tx) => Promise<Appended | undefined> {
  // Never before the event in front of it, even when the clock was set back: pruning by time then leaves no gap.
  const append = prepare(
    db,
    (
      value: ValueOf<{ stream: string; epoch: number; count: number; types: string[]; bodies: string[] }>,
    ) => sql<Appended>`
      with head as (
        insert into stream as known (stream, epoch, last_seq, updated_at)
        values (${value('stream')}, ${value('epoch')}, ${value('count')}, ${db.now})
        on conflict (stream) do update set
          epoch = excluded.epoch,
          last_seq = known.last_seq + excluded.last_seq,
          updated_at = greatest(known.updated_at, excluded.updated_at)
        where known.epoch <= excluded.epoch
        returning last_seq, updated_at
      ), added as (
        insert into event (stream, seq, epoch, type, body, time)
        select ${value('stream')}::text, head.last_seq - ${value('count')}::bigint + fresh.place, ${value('epoch')}::bigint,
          fresh.type, fresh.body, head.updated_at
        from head, unnest(${value('types')}::text[], ${value('bodies')}::text[]) with ordinality as fresh (type, body, place)
      )
      select last_seq as last, updated_at as time from head`,
  );
  return async ({ stream, epoch, events }, tx) => {
    const types = events.map(({ type }) => type);
    const bodies = events.map(({ body }) => JSON.stringify(body));
    return await append.first({ stream, epoch, count: events.length, types, bodies }, tx);
  };
}

/** On SQLite one statement takes the positions, where looking, opening and moving on would be three, and the events follow. */
function createLocalNextAppender(db: Database): AppendNext {
  const take = prepare(
    db,
    (value: ValueOf<{ stream: string; epoch: number; count: number }>) => sql<Appended>`
      insert into stream as known (stream, epoch, last_seq, updated_at)
      values (${value('stream')}, ${value('epoch')}, ${value('count')}, ${db.now})
      on conflict (stream) do update set
        epoch = excluded.epoch,
        last_seq = known.last_seq + excluded.last_seq,
        updated_at = max(known.updated_at, excluded.updated_at)
      where known.epoch <= excluded.epoch
      returning last_seq as last, updated_at as time`,
  );
  return async ({ stream, epoch, events }, tx) => {
    const head = await take.first({ stream, epoch, count: events.length }, tx);
    if (head === undefined) return undefined;
    const first = head.last - events.length + 1;
    const rows = events.map(({ type, body }, at) => [stream, first + at, epoch, type, JSON.stringify(body), head.time]);
    await db.insertMany(tx, eventTable, rows);
    return head;
  };
}
