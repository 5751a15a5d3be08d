import { type CompiledQuery, type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import type { Schema } from './schema.ts';

export type DialectName = 'sqlite' | 'postgres';
export type Tx = Transaction<Schema>;
export type SqlValue = string | number | null;

/** Rows of one table for `insertMany`, column by column; the SQL type is what PostgreSQL's `unnest` needs to know. */
export interface BulkTable {
  readonly table: keyof Schema & string;
  readonly columns: Readonly<Record<string, 'text' | 'bigint' | 'double precision'>>;
  /** A row that is there already is left as it is. */
  readonly ignoresExisting?: boolean;
}

/** A row that cannot be read: torn, or written by something else. It is left out of lists. */
export type OnBadRow = (row: { table: string; id: string; problem: string }) => void;

/** Runs a query with these parameters, in a transaction or by itself, and gives its rows. */
export type Statement<Row> = (parameters: readonly unknown[], tx?: Tx) => Promise<Row[]>;

/** One opened database; where the two differ, they differ behind this. */
export interface Database {
  readonly kysely: Kysely<Schema>;
  readonly dialect: DialectName;
  /** Epoch milliseconds by the database's clock, as an SQL expression. */
  readonly now: RawBuilder<number>;
  readonly onBadRow: OnBadRow;
  /** A transaction that may write. On SQLite it holds the write lock from its start, so that it never fails halfway. */
  write<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** For a query that is kept, and run past all that Kysely does with one, see `prepare`. */
  statement<Row>(query: CompiledQuery<Row>): Statement<Row>;
  /** Inserts in order, without compiling a statement per call. */
  insertMany(tx: Tx, bulk: BulkTable, rows: readonly (readonly SqlValue[])[]): Promise<void>;
  /** Until the end of the transaction nobody else holds the lock of this name. */
  lock(tx: Tx, name: string): Promise<void>;
  /** What the database itself finds wrong with its files, a line each. */
  checkFiles(): Promise<string[]>;
  close(): Promise<void>;
}

/** When a lease that is taken or renewed now runs out. */
export const leaseEnd = (db: Pick<Database, 'now'>, leaseSeconds: number): RawBuilder<number> =>
  sql<number>`${db.now} + ${Math.round(leaseSeconds * 1000)}`;

/** SQLite takes at most 32,766 parameters and expressions 1,000 deep; lists in conditions are cut to this. */
export const LIST_CHUNK = 500;

/** The items in their order, at most `size` at a time. */
export function* chunksOf<Item>(items: readonly Item[], size = LIST_CHUNK): Iterable<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
