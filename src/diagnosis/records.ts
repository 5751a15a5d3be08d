import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../cli/doctor.ts';
import type { Config } from '../config/config.ts';
import { type DatabaseFacts, inspectPostgres, OLDEST_VERSION } from '../store/inspect-postgres.ts';
import { migrationNames } from '../store/migrations.ts';
import { createPostgresStore } from '../store/postgres.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { attempted } from './checks.ts';

/** Nothing depends on equal clocks, but logs are read side by side, and signed requests to S3 are refused at 15 minutes. */
const SKEW_MS = 2_000;
const BAD_SKEW_MS = 10 * 60_000;
const CONNECT_MS = 10_000;

/** The records, and what `more` finds in them where they can be read without changing them. */
export async function recordChecks(config: Config, more: (store: Store) => Promise<Check[]>): Promise<Check[]> {
  const { url } = config.store;
  if (url === undefined) return await sqliteChecks(config.directory, more);
  return await attempted('PostgreSQL', 'check that the server runs and that store.url is right', async () => {
    const facts = await inspectPostgres(url, { timeoutMs: CONNECT_MS });
    const schema = schemaCheck(facts.migrations);
    const checks = [versionCheck(facts), schema, clockCheck(facts)];
    // Opening brings tables up to date, which is for a hub to do.
    if (checks.some(check => check.state === 'fail') || schema.state !== 'ok') return checks;
    const store = await createPostgresStore({ url, connections: 2 });
    try {
      return [...checks, await soundnessCheck(store), ...(await more(store))];
    } finally {
      await store.close();
    }
  });
}

function versionCheck({ version, versionNumber }: DatabaseFacts): Check {
  const isEnough = versionNumber >= OLDEST_VERSION;
  const detail = `version ${version}`;
  return { name: 'PostgreSQL', state: isEnough ? 'ok' : 'fail', detail, fix: 'use PostgreSQL 15 or newer' };
}

/** Whether the tables are those that this program knows. */
export function schemaCheck(applied: readonly string[]): Check {
  const name = 'schema';
  const known = migrationNames();
  const unknown = applied.filter(migration => !known.includes(migration));
  if (unknown.length > 0) {
    const detail = `written by a newer version of this program (${unknown.join(', ')})`;
    return { name, state: 'fail', detail, fix: 'install that version here too' };
  }
  const missing = known.filter(migration => !applied.includes(migration));
  if (missing.length === 0) return { name, state: 'ok', detail: `up to date (${known.at(-1)})` };
  const detail = applied.length === 0 ? 'no tables yet' : `${missing.join(', ')} not applied yet`;
  return { name, state: 'warn', detail, fix: 'start a hub of this version: it brings the tables up to date' };
}

/** Positive: this machine's clock is behind. */
export function clockCheck({ clockAheadMs }: Pick<DatabaseFacts, 'clockAheadMs'>): Check {
  const off = Math.abs(clockAheadMs);
  const state = off < SKEW_MS ? 'ok' : off < BAD_SKEW_MS ? 'warn' : 'fail';
  const detail =
    off < SKEW_MS
      ? 'agrees with that of the database'
      : `${(off / 1000).toFixed(1)} s ${clockAheadMs > 0 ? 'behind' : 'ahead of'} that of the database`;
  return { name: 'clock', state, detail, fix: 'let both machines follow a time service, such as chrony' };
}

async function sqliteChecks(directory: string, more: (store: Store) => Promise<Check[]>): Promise<Check[]> {
  const path = join(directory, 'records.db');
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return [{ name: 'records', state: 'ok', detail: 'none yet' }];
  return await attempted('records', 'restore records.db from a backup', async () => {
    const store = await createSqliteStore({ path });
    try {
      return [await soundnessCheck(store), ...(await more(store))];
    } finally {
      await store.close();
    }
  });
}

async function soundnessCheck(store: Store): Promise<Check> {
  const faults = await store.checkIntegrity();
  const { records, brokenAt } = await store.audit.verify();
  const broken = brokenAt === null ? [] : [`audit chain broken at ${brokenAt}`];
  const all = [...new Set([...faults, ...broken])];
  const detail = all.length === 0 ? `sound, ${records} audit records in an unbroken chain` : all.join('; ');
  return { name: 'records', state: all.length === 0 ? 'ok' : 'fail', detail, fix: 'restore the records from a backup' };
}
