import { type Kysely, sql } from 'kysely';
import type { BulkTable, Database, Tx } from '../database.ts';
import type { NewEvents } from './events.ts';
import type { Schema } from '../schema.ts';

/**
 * Appends to the end of a stream in one statement, where each further one would be a journey to PostgreSQL; answers the position of the last event,
 * undefined when the epoch is an old one. The row of the stream is locked, so that appends to one stream take turns.
 */
export async function appendNext(
  db: Database,
  executor: Kysely<Schema>,
  { stream, epoch, events }: NewEvents,
): Promise<number | undefined> {
  const types = events.map(({ type }) => type);
  const bodies = events.map(({ body }) => JSON.stringify(body));
  // Never before the event in front of it, even when the clock was set back: pruning by time then leaves no gap.
  const { rows } = await sql<{ last: number }>`
    with head as (
      insert into stream as known (stream, epoch, last_seq, updated_at)
      values (${stream}, ${epoch}, ${events.length}, ${db.now})
      on conflict (stream) do update set
        epoch = excluded.epoch,
        last_seq = known.last_seq + excluded.last_seq,
        updated_at = greatest(known.updated_at, excluded.updated_at)
      where known.epoch <= excluded.epoch
      returning last_seq, updated_at
    ), added as (
      insert into event (stream, seq, epoch, type, body, time)
      select ${stream}::text, head.last_seq - ${events.length}::bigint + fresh.place, ${epoch}::bigint, fresh.type, fresh.body, head.updated_at
      from head, unnest(${types}::text[], ${bodies}::text[]) with ordinality as fresh (type, body, place)
    )
    select last_seq as last from head`.execute(executor);
  return rows[0]?.last;
}

/**
 * The same on SQLite, within a transaction: one statement takes the positions, where looking, opening and moving on would be three, and the events
 * follow.
 */
export async function appendNextLocally(
  db: Database,
  tx: Tx,
  { bulk, stream, epoch, events }: NewEvents & { bulk: BulkTable },
): Promise<number | undefined> {
  const { rows } = await sql<{ last: number; time: number }>`
    insert into stream as known (stream, epoch, last_seq, updated_at)
    values (${stream}, ${epoch}, ${events.length}, ${db.now})
    on conflict (stream) do update set
      epoch = excluded.epoch,
      last_seq = known.last_seq + excluded.last_seq,
      updated_at = max(known.updated_at, excluded.updated_at)
    where known.epoch <= excluded.epoch
    returning last_seq as last, updated_at as time`.execute(tx);
  const [head] = rows;
  if (head === undefined) return undefined;
  const first = head.last - events.length + 1;
  const added = events.map(({ type, body }, at) => [stream, first + at, epoch, type, JSON.stringify(body), head.time]);
  await db.insertMany(tx, bulk, added);
  return head.last;
}
