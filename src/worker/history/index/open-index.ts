import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { INDEX_VERSION, tables } from './schema.ts';

const BUSY_TIMEOUT_MS = 5000;
/** Pages of 16 KiB: fewer of them for long texts, and a flatter tree. */
const PAGE_BYTES = 16_384;
const CACHE_KIB = { writer: 32_768, reader: 8192 };
const WORDS_BYTES = 64 * 1024 * 1024;
const MMAP_BYTES = 1024 ** 3;

/**
 * Opens the index for its one writer. All that it holds can be read again from the transcripts that are still there, so one that is
 * damaged or of another version is set aside and built anew.
 */
export function openIndex(path: string): Database.Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  const database = tryOpen(path);
  if (database !== undefined) return database;
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  closeSync(openSync(path, 'a', 0o600));
  return opened(path);
}

function tryOpen(path: string): Database.Database | undefined {
  let database: Database.Database | undefined;
  try {
    database = opened(path);
    if (database.pragma('user_version', { simple: true }) === INDEX_VERSION) return database;
  } catch (error) {
    database?.close();
    if (isDamage(error)) return undefined;
    throw error;
  }
  database.close();
  return undefined;
}

const isDamage = (error: unknown): boolean =>
  error instanceof Database.SqliteError && /^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code);

function opened(path: string): Database.Database {
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    database.pragma(`cache_size = -${CACHE_KIB.writer}`);
    database.pragma('temp_store = MEMORY');
    const isNew = database.pragma('schema_version', { simple: true }) === 0;
    if (isNew) {
      database.transaction(() => {
        database.exec(tables);
        database.pragma(`user_version = ${INDEX_VERSION}`);
      })();
    }
    // Words are gathered in memory up to this much before they are sorted into the index.
    database.exec(`insert into document (document, rank) values ('hashsize', ${WORDS_BYTES})`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens the index, which its writer has made, for reading. */
export function openForReading(path: string): Database.Database {
  const database = new Database(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  database.pragma(`cache_size = -${CACHE_KIB.reader}`);
  database.pragma(`mmap_size = ${MMAP_BYTES}`);
  return database;
}
