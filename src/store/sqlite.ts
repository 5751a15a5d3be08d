import { mkdir, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteDialect,
  SqliteDriver,
  sql,
  type TransactionSettings,
} from 'kysely';
import type { BulkTable, Database, OnBadRow, SqlValue } from './database.ts';
import { migrate } from './migrations.ts';
import { acquireInProcess } from './process-lock.ts';
import { assembleStore } from './assemble.ts';
import { warnOfBadRow } from './rows-reader.ts';
import type { Schema } from './schema.ts';
import type { Store } from './store.ts';

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 10_000;
const STATEMENTS_KEPT = 200;

export interface SqliteOptions {
  /** File of the database; made, readable by its owner only, when it is not there. */
  readonly path: string;
  /** `normal` survives `kill -9` and may lose the last moments in a power failure; `full` survives that as well. */
  readonly synchronous?: 'normal' | 'full';
  readonly onBadRow?: OnBadRow;
}

/** Opens the records in one file. Several processes may do so at the same time. */
export async function createSqliteStore(options: SqliteOptions): Promise<Store> {
  await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
  await (await open(options.path, 'a', 0o600)).close();
  const file = await realpath(options.path);
  const raw = new BetterSqlite(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    const database = new SqliteStoreDatabase(raw, { ...options, path: file });
    await database.prepare();
    return assembleStore(database);
  } catch (error) {
    raw.close();
    throw error;
  }
}

/** One connection, which Kysely gives to one user at a time. Synchronous inside, as SQLite is; what waits is only the turn. */
class SqliteStoreDatabase implements Database {
  readonly dialect = 'sqlite';
  readonly now = sql<number>`cast(round(unixepoch('subsec') * 1000) as integer)`;
  readonly kysely: Kysely<Schema>;
  readonly onBadRow: OnBadRow;
  readonly #raw: BetterSqlite.Database;
  readonly #path: string;
  readonly #statements: Statements;

  constructor(raw: BetterSqlite.Database, { path, synchronous = 'normal', onBadRow = warnOfBadRow }: SqliteOptions) {
    // The switch to WAL happens once in the life of the file; SQLite waits for others here as well.
    raw.pragma('journal_mode = wal');
    raw.pragma(`synchronous = ${synchronous}`);
    raw.pragma('temp_store = memory');
    this.#raw = raw;
    this.#path = path;
    this.#statements = new Statements(raw);
    this.onBadRow = onBadRow;
    this.kysely = new Kysely<Schema>({ dialect: new ImmediateDialect(raw, { path, statements: this.#statements }) });
  }

  /** One transaction around all, because several processes may start at once. */
  async prepare(): Promise<void> {
    const release = await acquireInProcess(this.#path);
    try {
      this.#raw.exec('begin immediate');
      const prepare = (text: string) => this.#raw.prepare<[readonly unknown[]]>(text);
      await migrate(
        new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare, close: () => {} } }) }),
        this.dialect,
      );
      this.#raw.exec('commit');
    } finally {
      if (this.#raw.inTransaction) this.#raw.exec('rollback');
      release();
    }
  }

  write: Database['write'] = work => this.kysely.transaction().execute(work);

  // The transaction has the only connection, so a statement on it is a statement of the transaction.
  insertMany: Database['insertMany'] = async (_tx, bulk, rows) => {
    const insert = this.#statements.prepare(insertOf(bulk));
    for (const row of rows) insert.run(row);
  };

  /** The write lock that the transaction has is the lock of everything. */
  lock: Database['lock'] = async () => {};

  async checkFiles(): Promise<string[]> {
    const rows: unknown = this.#raw.pragma('integrity_check');
    const lines = Array.isArray(rows) ? rows.map(row => String(Object.values(row)[0])) : [String(rows)];
    return lines.filter(line => line !== 'ok').map(line => `database file: ${line}`);
  }

  async close(): Promise<void> {
    await this.kysely.destroy();
    // Kysely closes only what it has used, and closing twice does no harm.
    this.#raw.close();
  }
}

const insertOf = ({ table, columns, ignoresExisting }: BulkTable): string => {
  const names = Object.keys(columns);
  const conflict = ignoresExisting ? ' on conflict do nothing' : '';
  return `insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})${conflict}`;
};

/** Prepared statements by their text, the least recently used dropped: preparing costs more than most of them run. */
class Statements {
  readonly #raw: BetterSqlite.Database;
  readonly #kept = new Map<string, BetterSqlite.Statement<[readonly SqlValue[] | readonly unknown[]]>>();

  constructor(raw: BetterSqlite.Database) {
    this.#raw = raw;
  }

  prepare(text: string) {
    const kept = this.#kept.get(text);
    const statement = kept ?? this.#raw.prepare<[readonly unknown[]]>(text);
    if (kept) this.#kept.delete(text);
    this.#kept.set(text, statement);
    if (this.#kept.size > STATEMENTS_KEPT) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    return statement;
  }
}

type DriverConfig = ConstructorParameters<typeof SqliteDriver>[0];

class ImmediateDialect extends SqliteDialect {
  readonly #open: () => SqliteDriver;

  constructor(raw: BetterSqlite.Database, { path, statements }: { path: string; statements: Statements }) {
    const config = { database: { close: () => void raw.close(), prepare: (text: string) => statements.prepare(text) } };
    super(config);
    this.#open = () => new ImmediateDriver(raw, { path, config });
  }

  override createDriver(): SqliteDriver {
    return this.#open();
  }
}

/**
 * Takes the write lock when a transaction begins: one that reads first and wants to write later fails when another process
 * wrote in between, however long it waits.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #raw: BetterSqlite.Database;
  readonly #path: string;
  #release = () => {};

  constructor(raw: BetterSqlite.Database, { path, config }: { path: string; config: DriverConfig }) {
    super(config);
    this.#raw = raw;
    this.#path = path;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#release = await acquireInProcess(this.#path);
    return await super.acquireConnection();
  }

  override async releaseConnection(): Promise<void> {
    this.#release();
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const isReadOnly = settings?.accessMode === 'read only';
    await connection.executeQuery(CompiledQuery.raw(isReadOnly ? 'begin' : 'begin immediate'));
  }

  /** Some failures, a full disk for one, have ended the transaction already. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#raw.inTransaction) await super.rollbackTransaction(connection);
  }
}
