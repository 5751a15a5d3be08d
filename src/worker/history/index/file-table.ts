import type { Database } from 'better-sqlite3';
import type { TranscriptFile } from './file-list.ts';

export interface FileRow {
  readonly id: number;
  readonly path: string;
  readonly agent: string;
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  /** Epoch milliseconds, with fractions. */
  readonly mtime: number;
  /** Where the first byte stands that was not read yet. */
  readonly offset: number;
  readonly print: string;
  readonly state: string;
  readonly bad: number;
  readonly unknown: number;
  readonly gone_at: number | null;
}

/** What is known of each file, in memory as well: a look at ten thousand of them must cost next to nothing. */
export class FileTable {
  readonly #rows = new Map<string, FileRow>();
  readonly #all;
  readonly #insert;
  readonly #save;
  readonly #setGone;

  constructor(database: Database) {
    this.#all = database.prepare<[], FileRow>('select * from file');
    this.#insert = database
      .prepare<[string, string], number>(
        `insert into file (path, agent, device, inode, size, mtime, offset, print, state, bad, unknown)
       values (?, ?, 0, 0, -1, 0, 0, '', '{}', 0, 0)
       on conflict (path) do update set agent = excluded.agent returning id`,
      )
      .pluck();
    this.#save = database.prepare(
      `update file set device = @device, inode = @inode, size = @size, mtime = @mtime, offset = @offset, print = @print,
       state = @state, bad = @bad, unknown = @unknown, gone_at = null where id = @id`,
    );
    this.#setGone = database.prepare('update file set gone_at = ? where id = ?');
    this.reload();
  }

  get(path: string): FileRow | undefined {
    return this.#rows.get(path);
  }

  reload(): void {
    this.#rows.clear();
    for (const row of this.#all.iterate()) this.#rows.set(row.path, row);
  }

  /** A row from which the file is read from its beginning. */
  fresh({ agent, path }: TranscriptFile, known: FileRow | undefined): FileRow {
    // There is a row without being known when reading the file did not get to its end.
    const id = known?.id ?? this.#insert.get(path, agent);
    if (id === undefined) throw new Error('a file that was just written down is not there');
    const blank = { device: 0, inode: 0, size: -1, mtime: 0, offset: 0, print: '', state: '{}', bad: 0, unknown: 0 };
    return { id, path, agent, ...blank, gone_at: null };
  }

  save(row: FileRow): void {
    this.#save.run(row);
    this.#rows.set(row.path, { ...row, gone_at: null });
  }

  /** Marks those that are no longer among `present`; their number. */
  markGone(present: ReadonlySet<string>, now: number): number {
    let count = 0;
    for (const row of this.#rows.values()) {
      if (present.has(row.path) || row.gone_at !== null) continue;
      this.#setGone.run(now, row.id);
      this.#rows.set(row.path, { ...row, gone_at: now });
      count++;
    }
    return count;
  }
}
