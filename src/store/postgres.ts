import { setTimeout as delay } from 'node:timers/promises';
import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { assembleStore } from './assemble.ts';
import type { BulkTable, Database, OnBadRow, Statement } from './database.ts';
import { OLDEST_VERSION } from './inspect-postgres.ts';
import { migrate } from './migrations.ts';
import { warnOfBadRow } from './rows-reader.ts';
import type { Schema } from './schema.ts';
import type { Store } from './store.ts';

const INT8 = 20;
/** The victim of a deadlock, or of a serialization failure: nothing happened, and trying again is right. */
const TRY_AGAIN = new Set(['40P01', '40001']);
const ATTEMPTS = 5;

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** Most connections at a time. */
  readonly connections?: number;
  readonly onBadRow?: OnBadRow;
}

/** Opens the records in a PostgreSQL database, version 15 or newer; throws when it is older or cannot be reached. */
export async function createPostgresStore(options: PostgresOptions): Promise<Store> {
  const database = new PostgresDatabase(options);
  try {
    await database.prepare();
    return assembleStore(database);
  } catch (error) {
    await database.close();
    throw error;
  }
}

class PostgresDatabase implements Database {
  readonly dialect = 'postgres';
  // Not now(), which is the start of the transaction: it may have waited long for a lock.
  readonly now = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;
  readonly kysely: Kysely<Schema>;
  readonly onBadRow: OnBadRow;

  constructor({ url, connections = 16, onBadRow = warnOfBadRow }: PostgresOptions) {
    const pool = new pg.Pool({ connectionString: url, max: connections, types: { getTypeParser } });
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', () => {});
    // The same for one that is in use, whose query or transaction fails by itself.
    pool.on('connect', client => client.on('error', () => {}));
    this.onBadRow = onBadRow;
    this.kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  }

  async prepare(): Promise<void> {
    const { rows } = await sql<{ version: string }>`select current_setting('server_version_num') as version`.execute(
      this.kysely,
    );
    if (Number(rows[0]?.version) < OLDEST_VERSION) throw new Error('the store needs PostgreSQL 15 or newer');
    await migrate(this.kysely, this.dialect);
  }

  write: Database['write'] = async work => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.kysely.transaction().execute(work);
      } catch (error) {
        if (attempt === ATTEMPTS || !isWorthRetrying(error)) throw error;
        await delay(Math.random() * 10 * attempt);
      }
    }
  };

  statement<Row>(query: CompiledQuery<Row>): Statement<Row> {
    return async (parameters, tx) => {
      const filled: CompiledQuery<Row> = { ...query, parameters };
      return (await (tx ?? this.kysely).executeQuery(filled)).rows;
    };
  }

  insertMany: Database['insertMany'] = async (tx, bulk, rows) => {
    if (rows.length === 0) return;
    const columns = Object.entries(bulk.columns);
    const arrays = columns.map(([, type], i) => sql`${rows.map(row => row[i])}::${sql.raw(type)}[]`);
    await sql`insert into ${sql.table(bulk.table)} (${sql.join(columns.map(([name]) => sql.ref(name)))})
      select * from unnest(${sql.join(arrays)}) ${conflictOf(bulk)}`.execute(tx);
  };

  lock: Database['lock'] = async (tx, name) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(tx);
  };

  /** PostgreSQL checks its pages itself; what it finds it reports when they are read. */
  checkFiles = async (): Promise<string[]> => [];

  close(): Promise<void> {
    return this.kysely.destroy();
  }
}

/** `pg` gives bigint as text; every number here is far below 2^53. */
const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format);

const conflictOf = ({ ignoresExisting }: BulkTable) => (ignoresExisting ? sql`on conflict do nothing` : sql``);

const isWorthRetrying = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.code !== undefined && TRY_AGAIN.has(error.code);
