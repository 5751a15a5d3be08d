import { existsSync, mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { z } from 'zod';
import type { Log } from '../log/log.ts';

const rowSchema = z.object({
  id: z.int(),
  workspace: z.string(),
  verb: z.string(),
  key: z.string().nullable(),
  body: z.string(),
});
export type StoredReport = z.output<typeof rowSchema>;

/** The disk took no more. What was to be written is not there, and nothing else is lost. */
export class OutboxUnwritable extends Error {
  override readonly name = 'OutboxUnwritable';
}

/**
 * Reports on disk until a hub has acknowledged them, in a database of the worker's own. Writes are synchronous: about 0.1 ms, and
 * what is in survives the process. The file is made with the first report.
 */
export class Outbox {
  readonly #path: string;
  readonly #log: Log;
  #db: BetterSqlite.Database | undefined;
  /** Acknowledged, but the disk was too full to say so: sent again after a crash, which does no harm. */
  readonly #toDrop = new Set<number>();
  #wasRefused = false;

  constructor({ path, log }: { path: string; log: Log }) {
    this.#path = path;
    this.#log = log;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** What an earlier process has left, in the order in which it was put in. What cannot be read is set aside and logged. */
  left(): StoredReport[] {
    if (!existsSync(this.#path)) return [];
    try {
      return this.#read();
    } catch (error) {
      if (codeOf(error).startsWith('SQLITE_BUSY')) throw new Error('another process has the outbox of this worker');
      this.#log.error({ error }, 'the outbox could not be read and was set aside');
      this.#close();
      renameSync(this.#path, `${this.#path}.unreadable`);
      for (const suffix of ['-wal', '-shm']) rmSync(`${this.#path}${suffix}`, { force: true });
      return [];
    }
  }

  /** Answers the id under which it lies. Throws OutboxUnwritable. */
  put({ workspace, verb, key, body }: Omit<StoredReport, 'id'>): number {
    return this.#writing(db => {
      const insert = db.prepare<[string, string, string | null, string]>(
        'insert into report (workspace, verb, key, body) values (?, ?, ?, ?)',
      );
      return Number(insert.run(workspace, verb, key, body).lastInsertRowid);
    });
  }

  /** Undefined when it is not there (any more). */
  body(id: number): string | undefined {
    const found = this.#open().prepare<[number]>('select body from report where id = ?').get(id);
    return z.object({ body: z.string() }).optional().parse(found)?.body;
  }

  drop(id: number): void {
    this.#toDrop.add(id);
    try {
      this.#writing(db => {
        const remove = db.prepare<[number]>('delete from report where id = ?');
        db.transaction(() => {
          for (const dropped of this.#toDrop) remove.run(dropped);
        })();
      });
      this.#toDrop.clear();
    } catch (error) {
      if (!(error instanceof OutboxUnwritable)) throw error;
    }
  }

  /** Whether the disk would take a report now. After it refused one, that is tried out; else its free space tells. */
  isWritable(): boolean {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path), { bigint: false });
      if (bavail * bsize < LEAST_FREE_BYTES) return false;
      if (this.#wasRefused) this.#writing(tryOut);
      this.#wasRefused = false;
      return true;
    } catch (error) {
      if (error instanceof OutboxUnwritable) return false;
      throw error;
    }
  }

  close(): void {
    const isEmpty = this.#db !== undefined && this.#toDrop.size === 0 && this.#read().length === 0;
    this.#close();
    if (!isEmpty) return;
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${this.#path}${suffix}`, { force: true });
  }

  #read(): StoredReport[] {
    const rows = this.#open().prepare('select id, workspace, verb, key, body from report order by id').all();
    return rows.flatMap(row => rowSchema.safeParse(row).data ?? []);
  }

  #writing<Result>(write: (db: BetterSqlite.Database) => Result): Result {
    try {
      return write(this.#open());
    } catch (error) {
      this.#wasRefused = true;
      if (isRefusedByDisk(error)) throw new OutboxUnwritable('the disk of the outbox takes no more', { cause: error });
      throw error;
    }
  }

  #open(): BetterSqlite.Database {
    if (this.#db !== undefined) return this.#db;
    const db = new BetterSqlite(this.#path);
    try {
      // Nobody else has business here; and a log without shared memory needs no room for that on a full disk.
      db.pragma('locking_mode = exclusive');
      db.pragma('auto_vacuum = incremental');
      db.pragma('journal_mode = wal');
      db.pragma('synchronous = normal');
      db.pragma(`journal_size_limit = ${JOURNAL_BYTES}`);
      db.exec(`
        create table if not exists report (
          id integer primary key autoincrement, workspace text not null, verb text not null, key text, body text not null
        );
        create table if not exists trial (bytes blob);
        pragma incremental_vacuum;
      `);
    } catch (error) {
      db.close();
      throw error;
    }
    this.#db = db;
    return db;
  }

  #close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

/** An outcome with both streams as long as they are shown, and some. */
const TRIAL_BYTES = 512 * 1024;
const LEAST_FREE_BYTES = 4 * TRIAL_BYTES;
const JOURNAL_BYTES = 4 * 1024 * 1024;

/** Writes as much as the largest report needs, and takes it back. */
function tryOut(db: BetterSqlite.Database): void {
  db.exec('begin immediate');
  try {
    db.prepare<[Buffer]>('insert into trial (bytes) values (?)').run(Buffer.alloc(TRIAL_BYTES));
    db.exec('delete from trial');
    db.exec('commit');
  } finally {
    if (db.inTransaction) db.exec('rollback');
  }
}

const codeOf = (error: unknown): string => z.object({ code: z.string() }).safeParse(error).data?.code ?? '';

/** Full, over quota, read-only, or failing: all the same to whoever wants to write. */
const isRefusedByDisk = (error: unknown): boolean =>
  /^(SQLITE_(FULL|IOERR|CANTOPEN|READONLY)|ENOSPC|EDQUOT|EROFS|EIO)/.test(codeOf(error));
