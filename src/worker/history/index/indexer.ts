import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { LineCounts, LineReader, LineReaderOptions } from '../found.ts';
import { claudeReader } from '../readers/claude.ts';
import { codexReader } from '../readers/codex.ts';
import { numberOf, parseObject } from '../readers/fields.ts';
import { geminiReader } from '../readers/gemini.ts';
import { readLines } from '../readers/lines.ts';
import { readOpenCode } from '../readers/opencode.ts';
import { scriptedReader } from '../readers/scripted.ts';
import { statsOf, type TranscriptFile } from './file-list.ts';
import { type FileRow, FileTable } from './file-table.ts';
import { SessionWriter, type WrittenSession } from './session-writer.ts';

/** One transaction takes no more than this much of transcripts, so that little is read twice after a crash. */
const BATCH_BYTES = 256 * 1024 * 1024;
const BATCH_FILES = 3000;
const HEAD_BYTES = 512;
const TAIL_BYTES = 128;

const lineReaders: Readonly<Record<string, (options: LineReaderOptions) => LineReader>> = {
  claude: claudeReader,
  codex: codexReader,
  gemini: geminiReader,
  scripted: scriptedReader,
};

/** What a look at one file found: its place on disk now. */
interface Seen {
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  readonly mtime: number;
}

/** Brings the index up to what files hold. All in one thread, the only one that writes. */
export class Indexer {
  readonly files: FileTable;
  readonly #database: Database.Database;
  readonly #writer: SessionWriter;

  constructor(database: Database.Database) {
    this.#database = database;
    this.files = new FileTable(database);
    this.#writer = new SessionWriter(database);
  }

  /** True when the file has something that was not read yet. Costs one look at its metadata. */
  isChanged(file: TranscriptFile): boolean {
    const seen = look(file);
    const row = this.files.get(file.path);
    if (seen === undefined) return false;
    return row === undefined || row.size !== seen.size || row.mtime !== seen.mtime || row.inode !== seen.inode;
  }

  /** Makes a project, where there is none of this path. */
  project(path: string): void {
    this.#database.transaction(() => this.#writer.project(path)).immediate();
  }

  /**
   * Reads what is new in the first of `queue`, in one transaction, and takes them off it. A file that cannot be read is left for the
   * next look. Throws when the index cannot be written; nothing is lost then, for all of it is read again.
   */
  batch(queue: TranscriptFile[]): WrittenSession[] {
    let bytes = 0;
    let count = 0;
    this.#database.exec('begin immediate');
    try {
      while (count < queue.length && count < BATCH_FILES && bytes < BATCH_BYTES) {
        const file = queue[count];
        if (file !== undefined) bytes += this.#read(file);
        count++;
      }
      const written = this.#writer.flush();
      this.#database.exec('commit');
      queue.splice(0, count);
      return written;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('rollback');
      this.#writer.abandon();
      this.files.reload();
      throw error;
    }
  }

  /** Bytes that were read. */
  #read(file: TranscriptFile): number {
    const seen = look(file);
    if (seen === undefined) return 0;
    const known = this.files.get(file.path);
    const row = known !== undefined && isContinued(file.path, known) ? known : this.files.fresh(file, known);
    // Of a database whole sessions are read again.
    const counts = file.agent === 'opencode' ? { bad: 0, unknown: 0 } : { bad: row.bad, unknown: row.unknown };
    try {
      const { offset, state } = this.#take(file, { row, counts });
      const print = printOf(file.path, { head: Math.min(HEAD_BYTES, offset), offset });
      this.files.save({ ...row, ...seen, ...counts, offset, print, state });
      return Math.max(0, offset - row.offset);
    } catch (error) {
      // Gone or locked in this moment: the next look finds it changed still. What the index itself says ends the batch.
      if (isOfFile(error, file)) return 0;
      throw error;
    }
  }

  #take(
    file: TranscriptFile,
    { row, counts }: { row: FileRow; counts: LineCounts },
  ): { offset: number; state: string } {
    const open = (agentId: string) => this.#writer.open(file.agent, { agentId, file: row.id });
    const state = parseObject(row.state) ?? {};
    if (file.agent === 'opencode') {
      const read = readOpenCode(file.path, { since: numberOf(state.since), counts, open });
      return { offset: row.offset, state: JSON.stringify(read) };
    }
    const make = lineReaders[file.agent];
    if (make === undefined) throw new Error(`no reader for ${file.agent}`);
    const reader = make({ path: file.path, state, counts, open });
    const take = (line: Buffer): void => readTolerantly(reader, { line, counts });
    if (file.path.endsWith('.json')) {
      const whole = readFileSync(file.path);
      take(whole);
      return { offset: whole.length, state: '{}' };
    }
    const { offset, tooLong } = readLines(file.path, { offset: row.offset, take, isWhole });
    counts.bad += tooLong;
    return { offset, state: JSON.stringify(reader.state()) };
  }
}

/** A record that no reader was made for costs that record only. */
function readTolerantly(reader: LineReader, { line, counts }: { line: Buffer; counts: LineCounts }): void {
  try {
    reader.read(line);
  } catch (error) {
    if (error instanceof Database.SqliteError) throw error;
    counts.bad++;
  }
}

/** A last line without a line break is complete when it is an object: whatever is appended to it, it stays one. */
function isWhole(line: Buffer): boolean {
  return line[0] === 0x7b && line[line.length - 1] === 0x7d && parseObject(line.toString('utf8')) !== undefined;
}

/** OpenCode writes its newest rows beside the database first. */
function look({ agent, path }: TranscriptFile): Seen | undefined {
  const stats = statsOf(path);
  if (stats === undefined) return undefined;
  const log = agent === 'opencode' ? statsOf(`${path}-wal`) : undefined;
  return {
    device: stats.dev,
    inode: stats.ino,
    size: stats.size + (log?.size ?? 0),
    mtime: Math.max(stats.mtimeMs, log?.mtimeMs ?? 0),
  };
}

/** It begins as it did, and what was read of it ends as it did: transcripts only grow. */
function isContinued(path: string, row: FileRow): boolean {
  if (row.agent === 'opencode') return true;
  return row.print !== '' && printOf(path, { head: Number(row.print.split(':')[0]), offset: row.offset }) === row.print;
}

/** `<length>:<hash>` of a file's first bytes and of the last before `offset`; empty when it cannot be read or is shorter. */
function printOf(path: string, { head, offset }: { head: number; offset: number }): string {
  const tail = Math.min(TAIL_BYTES, offset);
  const bytes = Buffer.alloc(head + tail);
  try {
    const file = openSync(path, 'r');
    try {
      const count = readSync(file, bytes, 0, head, 0) + readSync(file, bytes, head, tail, offset - tail);
      return count < head + tail ? '' : `${head}:${createHash('sha1').update(bytes).digest('hex')}`;
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

function isOfFile(error: unknown, { agent }: TranscriptFile): boolean {
  if (error instanceof Database.SqliteError) return agent === 'opencode' && error.code !== 'SQLITE_FULL';
  return error instanceof Error && 'syscall' in error;
}
