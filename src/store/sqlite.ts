import { mkdir, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import {
  type CompiledQuery,
  type DatabaseConnection,
  DefaultQueryExecutor,
  Kysely,
  SqliteDialect,
  SqliteDriver,
  sql,
  Transaction,
} from 'kysely';
import type { BulkTable, Database, OnBadRow, SqlValue, Statement, Tx } from './database.ts';
import { migrate } from './migrations.ts';
import { acquireInProcess, isHeldInProcess } from './process-lock.ts';
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
  /** By the table as its module names it, of which there are few. */
  readonly #inserts = new WeakMap<BulkTable, BetterSqlite.Statement<[readonly SqlValue[]]>>();
  readonly #begin: BetterSqlite.Statement;
  readonly #commit: BetterSqlite.Statement;
  readonly #tx: Tx;

  constructor(raw: BetterSqlite.Database, { path, synchronous = 'normal', onBadRow = warnOfBadRow }: SqliteOptions) {
    // The switch to WAL happens once in the life of the file; SQLite waits for others here as well.
    raw.pragma('journal_mode = wal');
    raw.pragma(`synchronous = ${synchronous}`);
    raw.pragma('temp_store = memory');
    this.#raw = raw;
    this.#path = path;
    this.#statements = new Statements(raw);
    this.onBadRow = onBadRow;
    // A transaction that reads first and wants to write later would fail when another process wrote in between, however long it waits.
    this.#begin = raw.prepare('begin immediate');
    this.#commit = raw.prepare('commit');
    const prepare = (text: string) => this.#statements.prepare(text);
    const config = { database: { close: () => void raw.close(), prepare } };
    this.kysely = new Kysely<Schema>({ dialect: new TurnDialect(config, path) });
    this.#tx = transactionOn(new SqliteDriver(config), new SqliteDialect(config));
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

  /** What Kysely does around a transaction takes longer than most of them. */
  write: Database['write'] = async work => {
    const release = await acquireInProcess(this.#path);
    try {
      this.#begin.run();
      const result = await work(this.#tx);
      this.#commit.run();
      return result;
    } catch (error) {
      // Some failures, a full disk for one, have ended the transaction already.
      if (this.#raw.inTransaction) this.#raw.exec('rollback');
      throw error;
    } finally {
      release();
    }
  };

  statement<Row>({ sql }: CompiledQuery<Row>): Statement<Row> {
    const statement = this.#raw.prepare<[readonly unknown[]], Row>(sql);
    const rows = (parameters: readonly unknown[]) => {
      if (statement.reader) return statement.all(parameters);
      statement.run(parameters);
      return [];
    };
    return async (parameters, tx) => {
      // A statement alone is over before anybody else gets a turn.
      if (tx !== undefined || !isHeldInProcess(this.#path)) return rows(parameters);
      const release = await acquireInProcess(this.#path);
      try {
        return rows(parameters);
      } finally {
        release();
      }
    };
  }

  // The transaction has the only connection, so a statement on it is a statement of the transaction.
  insertMany: Database['insertMany'] = async (_tx, bulk, rows) => {
    const known = this.#inserts.get(bulk);
    const insert = known ?? this.#raw.prepare<[readonly SqlValue[]]>(insertOf(bulk));
    if (known === undefined) this.#inserts.set(bulk, insert);
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

type Config = ConstructorParameters<typeof SqliteDriver>[0];

/** Whatever is asked of it is asked of the only connection at once, so it is used by whoever has begun a transaction there, and meanwhile. */
function transactionOn(driver: SqliteDriver, dialect: SqliteDialect): Tx {
  const ready = driver.init();
  const executor = new DefaultQueryExecutor(dialect.createQueryCompiler(), dialect.createAdapter(), {
    async provideConnection(consumer) {
      await ready;
      return await consumer(await driver.acquireConnection());
    },
  });
  return new Transaction<Schema>({ config: { dialect }, driver, dialect, executor });
}

/** What is outside of transactions waits until none goes on. */
class TurnDialect extends SqliteDialect {
  readonly #open: () => SqliteDriver;

  constructor(config: Config, path: string) {
    super(config);
    this.#open = () => new TurnDriver(config, path);
  }

  override createDriver(): SqliteDriver {
    return this.#open();
  }
}

class TurnDriver extends SqliteDriver {
  readonly #path: string;
  #release = () => {};

  constructor(config: Config, path: string) {
    super(config);
    this.#path = path;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#release = await acquireInProcess(this.#path);
    return await super.acquireConnection();
  }

  override async releaseConnection(): Promise<void> {
    this.#release();
  }
}
