import { z } from 'zod';
import type { BulkTable, Database, Tx } from './database.ts';
import { pruneInSteps } from './prune.ts';
import type { EventRecord } from './rows.ts';
import { createRowsReader, jsonObject } from './rows-reader.ts';
import type { AppendOutcome, EventStore } from './store.ts';

const columns = ['stream', 'seq', 'epoch', 'type', 'body', 'time'] as const;

const schema = z.object({
  stream: z.string(),
  seq: z.number(),
  epoch: z.number(),
  type: z.string(),
  body: jsonObject,
  time: z.number(),
});

const bulk: BulkTable = {
  table: 'event',
  columns: { stream: 'text', seq: 'bigint', epoch: 'bigint', type: 'text', body: 'text', time: 'bigint' },
};

type Batch = Parameters<EventStore['append']>[0];

/** Appends within a transaction of the caller's, see `EventStore.append`. */
export function createAppender(db: Database): (tx: Tx, batch: Batch) => Promise<AppendOutcome> {
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
    const isAhead = batch.first !== 'next' && batch.first > 1;
    const state = (await readStream(tx, stream)) ?? (isAhead ? undefined : await openStream(tx, batch));
    if (!state) return { gap: 1 };
    if (epoch < state.epoch) return { fenced: true };
    const next = state.lastSeq + 1;
    const first = batch.first === 'next' ? next : batch.first;
    if (first > next) return { gap: next };
    // What is there already was sent before; only the rest is new.
    const fresh = events.slice(next - first);
    const lastSeq = state.lastSeq + fresh.length;
    // Never before the event in front of it, even when the clock was set back: pruning by time then leaves no gap.
    const time = Math.max(state.now, state.updatedAt);
    const rows = fresh.map(({ type, body }, i) => [stream, next + i, epoch, type, JSON.stringify(body), time]);
    await db.insertMany(tx, bulk, rows);
    if (fresh.length > 0 || epoch > state.epoch) {
      const set = { epoch, last_seq: lastSeq, updated_at: time };
      await tx.updateTable('stream').set(set).where('stream', '=', stream).execute();
    }
    return { ack: lastSeq };
  };
}

/**
 * The log, keyed (stream, seq). Positions and epochs are kept in `stream`, apart from the events, so that pruning neither
 * reuses a position nor forgets a fence. An outbox may therefore resend whatever it does not know to have arrived.
 */
export function createEventStore(db: Database): EventStore {
  const reader = createRowsReader<EventRecord>(db, { table: 'event', schema });
  const append = createAppender(db);

  return {
    async append(batch) {
      if (batch.first !== 'next' && !(Number.isSafeInteger(batch.first) && batch.first >= 1)) {
        throw new RangeError('the first seq of a batch must be a whole number from 1');
      }
      return await db.write(tx => append(tx, batch));
    },

    async read(stream, after, limit) {
      const rows = await db.kysely
        .selectFrom('event')
        .select(columns)
        .where('stream', '=', stream)
        .where('seq', '>', after)
        .orderBy('seq')
        .limit(limit)
        .execute();
      return reader.many(rows);
    },

    async lastSeq(stream) {
      const query = db.kysely.selectFrom('stream').select('last_seq').where('stream', '=', stream);
      return (await query.executeTakeFirst())?.last_seq ?? 0;
    },

    async prune(before) {
      const pruned = await pruneInSteps(limit => deleteSome(db, before, limit));
      await forgetEndedStreams(db, before);
      return pruned;
    },
  };
}

/** The oldest rows, by time; `ctid` and `rowid` name a row without a look at its key. */
function deleteSome(db: Database, before: number, limit: number): Promise<{ numDeletedRows: bigint }> {
  return db.write(tx => {
    const row = db.kysely.dynamic.ref<string>(db.dialect === 'postgres' ? 'ctid' : 'rowid');
    const some = tx.selectFrom('event').select(row).where('time', '<', before).limit(limit);
    return tx.deleteFrom('event').where(row, 'in', some).executeTakeFirst();
  });
}

/** The stream of a task or workspace that is gone will get no more events; that of a living one keeps its position. */
async function forgetEndedStreams(db: Database, before: number): Promise<void> {
  for (const table of ['task', 'workspace'] as const) {
    const prefix = `${table}:`;
    await db.kysely
      .deleteFrom('stream')
      .where('updated_at', '<', before)
      .where('stream', 'like', `${prefix}%`)
      .where(eb =>
        eb.not(
          eb.exists(
            eb
              .selectFrom(table)
              .select('ordinal')
              .where('id', '=', eb.fn<string>('substr', ['stream.stream', eb.lit(prefix.length + 1)])),
          ),
        ),
      )
      .execute();
  }
}
