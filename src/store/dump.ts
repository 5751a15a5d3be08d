import { sql } from 'kysely';
import { z } from 'zod';
import type { Database, SqlValue, Tx } from './database.ts';
import { schemaVersion } from './migrations.ts';
import { referencedBlobs } from './referenced-blobs.ts';

const PAGE = 500;
/** Rows of one statement; PostgreSQL takes at most 65,535 parameters, SQLite 32,766. */
const BATCH = 200;

/** One row of any table, by column. */
export interface DumpedRow {
  readonly table: string;
  readonly row: Readonly<Record<string, SqlValue>>;
}

/** All records at one moment, whatever is written meanwhile. */
export interface Snapshot {
  /** Name of the newest migration: records fit only a store of the same. */
  readonly schemaVersion: string;
  /** Every row of every table, table after table. */
  rows(): AsyncIterable<DumpedRow>;
  referencedBlobs(): Promise<Set<string>>;
}

/** Runs `work` on a snapshot; it must not use the store otherwise meanwhile. */
export function dump<Result>(db: Database, work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
  const reading = db.kysely.transaction().setAccessMode('read only');
  const isolated = db.dialect === 'postgres' ? reading.setIsolationLevel('repeatable read') : reading;
  return isolated.execute(tx =>
    work({
      schemaVersion: schemaVersion(),
      rows: () => allRows(db, tx),
      referencedBlobs: () => referencedBlobs({ kysely: tx }),
    }),
  );
}

/**
 * Writes all rows in one transaction: all of them, or none when the iteration throws. Refuses with `NotEmpty` when there are
 * records already, unless they are to be replaced. Answers the number of rows by table.
 */
export function load(
  db: Database,
  rows: AsyncIterable<DumpedRow>,
  { replaces }: { replaces: boolean },
): Promise<Map<string, number>> {
  return db.write(async tx => {
    const tables = new Set(await tablesOf(db, tx));
    for (const table of tables) {
      if (replaces) await sql`delete from ${sql.table(table)}`.execute(tx);
      else if (await hasRows(tx, table)) throw new NotEmpty(`the store holds records in table ${table}`);
    }
    const counts = new Map<string, number>();
    for await (const batch of batchesOf(rows)) {
      const [{ table } = { table: '' }] = batch;
      if (!tables.has(table)) throw new Error(`the store has no table ${table.slice(0, 64)}`);
      await insert(tx, batch);
      counts.set(table, (counts.get(table) ?? 0) + batch.length);
    }
    if (db.dialect === 'postgres') await advanceNumbering(tx);
    return counts;
  });
}

/** There are records where none were expected. */
export class NotEmpty extends Error {
  override readonly name = 'NotEmpty';
}

async function* allRows(db: Database, tx: Tx): AsyncGenerator<DumpedRow> {
  for (const table of await tablesOf(db, tx)) {
    const key = await keyOf(db, tx, table);
    let after: SqlValue[] | undefined;
    while (true) {
      const page: readonly unknown[] = await pageOf(tx, { table, key, after });
      for (const row of page) yield { table, row: rowSchema.parse(row) };
      if (page.length < PAGE) break;
      const last = rowSchema.parse(page.at(-1));
      after = key.map(column => last[column] ?? null);
    }
  }
}

const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

async function pageOf(
  tx: Tx,
  { table, key, after }: { table: string; key: readonly string[]; after: SqlValue[] | undefined },
): Promise<readonly unknown[]> {
  const columns = sql.join(key.map(column => sql.ref(column)));
  const behind = after ? sql`where (${columns}) > (${sql.join(after)})` : sql``;
  const { rows } = await sql`select * from ${sql.table(table)} ${behind} order by ${columns} limit ${PAGE}`.execute(tx);
  return rows;
}

/** The tables as the database has them, so that none is forgotten when one is added; those of the migrations are not records. */
async function tablesOf(db: Database, tx: Tx): Promise<string[]> {
  const query =
    db.dialect === 'sqlite'
      ? sql<{ name: string }>`select name from sqlite_schema where type = 'table'
          and sql not like 'create virtual%' and name not like 'sqlite%'`
      : sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`;
  const { rows } = await query.execute(tx);
  return rows
    .map(row => row.name)
    .filter(name => !name.startsWith('kysely_'))
    .sort();
}

/** The columns of the primary key, in its order. */
async function keyOf(db: Database, tx: Tx, table: string): Promise<string[]> {
  const query =
    db.dialect === 'sqlite'
      ? sql<{ name: string }>`select name from pragma_table_info(${table}) where pk > 0 order by pk`
      : sql<{ name: string }>`select attname as name from pg_index
          cross join unnest(indkey) with ordinality as part (number, place)
          join pg_attribute on attrelid = indrelid and attnum = part.number
          where indrelid = to_regclass(quote_ident(${table}::text)) and indisprimary order by part.place`;
  const { rows } = await query.execute(tx);
  if (rows.length === 0) throw new Error(`table ${table} has no primary key`);
  return rows.map(row => row.name);
}

async function hasRows(tx: Tx, table: string): Promise<boolean> {
  const { rows } = await sql`select 1 from ${sql.table(table)} limit 1`.execute(tx);
  return rows.length > 0;
}

async function insert(tx: Tx, batch: readonly DumpedRow[]): Promise<void> {
  const [first] = batch;
  if (!first) return;
  const columns = Object.keys(first.row);
  const values = batch.map(({ row }) => sql`(${sql.join(columns.map(column => row[column] ?? null))})`);
  await sql`insert into ${sql.table(first.table)} (${sql.join(columns.map(column => sql.ref(column)))})
    values ${sql.join(values)}`.execute(tx);
}

/** Rows of one table at a time, in their order. */
async function* batchesOf(rows: AsyncIterable<DumpedRow>): AsyncGenerator<DumpedRow[]> {
  let batch: DumpedRow[] = [];
  for await (const row of rows) {
    if (batch.length === BATCH || (batch[0] && batch[0].table !== row.table)) {
      yield batch;
      batch = [];
    }
    batch.push(row);
  }
  if (batch.length > 0) yield batch;
}

/** The next row is numbered behind those that were loaded; SQLite does so by itself. */
async function advanceNumbering(tx: Tx): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select table_name as table, column_name as column from information_schema.columns
    where table_schema = current_schema() and column_default like 'nextval(%'`.execute(tx);
  for (const { table, column } of rows) {
    await sql`select setval(pg_get_serial_sequence(quote_ident(${table}::text), ${column}::text), max(${sql.ref(column)}))
      from ${sql.table(table)} having max(${sql.ref(column)}) is not null`.execute(tx);
  }
}
