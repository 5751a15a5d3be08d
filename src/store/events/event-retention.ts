import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';

interface Ages {
  readonly before: number;
  /** For the streams of sessions. */
  readonly sessionsBefore: number;
}

/** Removes events older than these; the number of them. Those of sessions are kept as long as any other at least. */
export async function pruneEvents(db: Database, { before, sessionsBefore }: Ages): Promise<number> {
  const oldest = Math.min(before, sessionsBefore);
  let pruned = await pruneInSteps(limit => deleteSome(db, { before: oldest, limit }));
  if (before > oldest)
    for (const kind of ['task', 'workspace'])
      pruned += await pruneInSteps(limit => deleteSome(db, { before, limit, kind }));
  for (const table of ['task', 'workspace'] as const) await forgetEnded(db, table, before);
  await forgetEnded(db, 'session', oldest);
  await forgetFeeds(db, oldest);
  return pruned;
}

/** The oldest rows, by time; `ctid` and `rowid` name a row without a look at its key. */
function deleteSome(
  db: Database,
  { before, limit, kind }: { before: number; limit: number; kind?: string },
): Promise<{ numDeletedRows: bigint }> {
  return db.write(tx => {
    const row = db.kysely.dynamic.ref<string>(db.dialect === 'postgres' ? 'ctid' : 'rowid');
    let some = tx.selectFrom('event').select(row).where('time', '<', before).limit(limit);
    // A range of the key: the semicolon comes after the colon.
    if (kind !== undefined) some = some.where('stream', '>=', `${kind}:`).where('stream', '<', `${kind};`);
    return tx.deleteFrom('event').where(row, 'in', some).executeTakeFirst();
  });
}

/** The stream of something that is gone will get no more events; that of a living one keeps its position. */
const forgetEnded = (db: Database, table: 'task' | 'workspace' | 'session', before: number): Promise<void> =>
  forget(db, { prefix: `${table}:`, table, column: 'id', before });

/** The feed of a caller who has no session any more. */
const forgetFeeds = (db: Database, before: number): Promise<void> =>
  forget(db, { prefix: 'feed:', table: 'session', column: 'caller', before });

interface Forgotten {
  readonly prefix: string;
  /** Where a row whose column holds the rest of the stream's name keeps the stream. */
  readonly table: 'task' | 'workspace' | 'session';
  readonly column: 'id' | 'caller';
  readonly before: number;
}

async function forget(db: Database, { prefix, table, column, before }: Forgotten): Promise<void> {
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
            .where(column, '=', eb.fn<string>('substr', ['stream.stream', eb.lit(prefix.length + 1)])),
        ),
      ),
    )
    .execute();
}
