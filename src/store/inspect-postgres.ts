import pg from 'pg';
import { z } from 'zod';

/** As the server numbers its versions. */
export const OLDEST_VERSION = 150_000;

export interface DatabaseFacts {
  readonly version: string;
  /** Such as 150004. */
  readonly versionNumber: number;
  /** Names of the migrations that were applied; empty where there are no tables yet. */
  readonly migrations: readonly string[];
  /** How far the database's clock is ahead of this machine's. */
  readonly clockAheadMs: number;
}

const factsSchema = z.object({
  version: z.string(),
  number: z.coerce.number(),
  now: z.coerce.number(),
  has: z.boolean(),
});

/** Looks at a database without changing anything there. Throws when it cannot be reached in time. */
export async function inspectPostgres(url: string, { timeoutMs }: { timeoutMs: number }): Promise<DatabaseFacts> {
  const timeouts = { connectionTimeoutMillis: timeoutMs, statement_timeout: timeoutMs };
  const client = new pg.Client({ connectionString: url, ...timeouts });
  // A connection that breaks later fails the statement that waits, too.
  client.on('error', () => {});
  try {
    await client.connect();
    const sentAt = Date.now();
    const { rows } = await client.query(`select current_setting('server_version') as version,
      current_setting('server_version_num') as number,
      extract(epoch from clock_timestamp()) * 1000 as now,
      to_regclass('kysely_migration') is not null as has`);
    const middle = (sentAt + Date.now()) / 2;
    const { version, number, now, has } = factsSchema.parse(rows[0]);
    const applied = has ? await client.query('select name from kysely_migration order by name') : { rows: [] };
    const migrations = z.array(z.object({ name: z.string() })).parse(applied.rows);
    return {
      version,
      versionNumber: number,
      migrations: migrations.map(({ name }) => name),
      clockAheadMs: now - middle,
    };
  } finally {
    await client.end();
  }
}
