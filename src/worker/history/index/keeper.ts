import { setImmediate as nextTurn } from 'node:timers/promises';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import type { HistoryRoots } from '../roots.ts';
import { statsOf, type TranscriptFile, type TranscriptFolder, transcriptFolders } from './file-list.ts';
import { FolderWatches } from './folder-watches.ts';
import { Indexer } from './indexer.ts';
import { inReadingOrder } from './reading-order.ts';
import { pruneGone } from './prune.ts';
import type { WrittenSession } from './session-writer.ts';

/** Events of one moment are looked at together. */
const SETTLE_MS = 25;
/** Looking at everything must not take more than a twentieth of a core, however many files there are. */
const REST_FACTOR = 20;
/** The same for a look that a notice asked for. */
const NOTICED_REST_FACTOR = 5;
const RETRY_MS = 5000;
const DAY_MS = 86_400_000;

export interface KeeperOptions {
  readonly roots: HistoryRoots;
  readonly maxWatches: number;
  /** How long to wait at least between two looks at everything, when all folders are watched, and when not. Milliseconds. */
  readonly sweepMs: { readonly watched: number; readonly polled: number };
  /** Days that the text of a session is kept after its file is gone; undefined: for ever. */
  readonly retentionDays: number | undefined;
  readonly now: () => number;
  /** The first look is over and everything that it found is read. */
  readonly onCaughtUp: () => void;
  /** Something was appended after that. */
  readonly onWritten: (written: readonly WrittenSession[]) => void;
  readonly onError: (error: unknown) => void;
}

/** Keeps the index up with files that grow: by the system's notices of changes, and by looking at everything now and then. */
export class Keeper {
  readonly #database: Database.Database;
  readonly #options: KeeperOptions;
  readonly #indexer: Indexer;
  readonly #watches: FolderWatches;
  readonly #queue: TranscriptFile[] = [];
  readonly #queued = new Set<string>();
  readonly #hinted = new Map<string, TranscriptFile>();
  #sweepWanted = true;
  #isCaughtUp = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #folders = new Map<string, TranscriptFolder>();
  #prunedAt = 0;
  #missing: readonly string[] = [];
  #missingTimer: NodeJS.Timeout | undefined;
  #sweptAt = 0;
  #sweptMs = 0;

  constructor(database: Database.Database, options: KeeperOptions) {
    this.#database = database;
    this.#options = options;
    this.#indexer = new Indexer(database);
    this.#watches = new FolderWatches({
      max: options.maxWatches,
      onChange: (folder, name) => this.#noticed(folder, name),
    });
  }

  start(): void {
    this.#wake(0);
    this.#missingTimer = setInterval(() => this.#lookForMissing(), this.#options.sweepMs.polled);
  }

  /** Settles when what is being written is written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watches.close();
    clearTimeout(this.#timer);
    clearTimeout(this.#sweepTimer);
    clearInterval(this.#missingTimer);
    await this.#work;
  }

  /** Gives a directory its slug. */
  project(path: string): void {
    this.#indexer.project(path);
  }

  /** Settles when everything that files hold now is in the index. */
  async refresh(): Promise<void> {
    this.#sweepWanted = true;
    await this.#work;
    this.#work ??= this.#run();
    await this.#work;
  }

  #wake(delayMs: number): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#work ??= this.#run();
    }, delayMs);
  }

  async #run(): Promise<void> {
    try {
      await this.#lookAndRead();
    } catch (error) {
      this.#options.onError(error);
      // Such as a full disk: to try at once would only fill the log.
      this.#sweepAfter(RETRY_MS);
    } finally {
      this.#work = undefined;
    }
    if (this.#hinted.size > 0 || this.#sweepWanted) this.#wake(SETTLE_MS);
  }

  async #lookAndRead(): Promise<void> {
    if (this.#sweepWanted) this.#sweep();
    // Reading may be noticed as well, where it touches files beside a database.
    for (const file of this.#hinted.values()) if (this.#indexer.isChanged(file)) this.#enqueue(file);
    this.#hinted.clear();
    while (this.#queue.length > 0 && !this.#isClosed) {
      const before = this.#queue.length;
      const written = this.#indexer.batch(this.#queue);
      for (const path of [...this.#queued].slice(0, before - this.#queue.length)) this.#queued.delete(path);
      if (this.#isCaughtUp && written.length > 0) this.#options.onWritten(written);
      await nextTurn();
    }
    if (this.#isClosed || this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    // Reading everything took far more memory than what comes now will.
    this.#database.pragma('shrink_memory');
    this.#options.onCaughtUp();
  }

  /** Looks at every file and sets the watches anew. */
  #sweep(): void {
    this.#sweepWanted = false;
    const started = performance.now();
    const present = new Set<string>();
    const folders = new Map<string, TranscriptFolder>();
    const activity = new Map<string, number>();
    const changed: TranscriptFile[] = [];
    for (const folder of transcriptFolders(this.#options.roots)) {
      folders.set(folder.path, folder);
      let newest = 0;
      for (const file of folder.files) {
        present.add(file.path);
        if (this.#indexer.isChanged(file)) changed.push(file);
        newest = Math.max(newest, this.#indexer.files.get(file.path)?.mtime ?? Number.POSITIVE_INFINITY);
      }
      activity.set(folder.path, folder.files.length === 0 ? (statsOf(folder.path)?.mtimeMs ?? 0) : newest);
    }
    for (const file of inReadingOrder(changed)) this.#enqueue(file);
    this.#folders = folders;
    this.#indexer.files.markGone(present, this.#options.now());
    this.#prune();
    const existing = [...folders.keys()].filter(folder => (activity.get(folder) ?? 0) > 0);
    existing.sort((a, b) => ((activity.get(a) ?? 0) < (activity.get(b) ?? 0) ? 1 : -1));
    this.#missing = [...folders.keys()].filter(folder => activity.get(folder) === 0);
    const { areAll, hasNew } = this.#watches.setTo(existing);
    const { watched, polled } = this.#options.sweepMs;
    this.#sweptAt = performance.now();
    this.#sweptMs = this.#sweptAt - started;
    const rest = Math.max(areAll ? watched : polled, this.#sweptMs * REST_FACTOR);
    this.#sweepAfter(hasNew ? Math.max(SETTLE_MS, this.#sweptMs) : rest);
  }

  /** An agent that was never used has no folder that could be watched. */
  #lookForMissing(): void {
    if (this.#missing.some(folder => statsOf(folder) !== undefined)) this.#sweepAfter(0);
  }

  #sweepAfter(delayMs: number): void {
    clearTimeout(this.#sweepTimer);
    if (this.#isClosed) return;
    this.#sweepTimer = setTimeout(() => {
      this.#sweepWanted = true;
      this.#wake(0);
    }, delayMs);
  }

  #prune(): void {
    const { retentionDays, now } = this.#options;
    if (retentionDays === undefined || now() - this.#prunedAt < DAY_MS) return;
    this.#prunedAt = now();
    pruneGone(this.#database, now() - retentionDays * DAY_MS);
  }

  #enqueue(file: TranscriptFile): void {
    if (this.#queued.has(file.path)) return;
    this.#queued.add(file.path);
    this.#queue.push(file);
  }

  /** A transcript grew, or something else happened in a folder, such as a new one in it. */
  #noticed(folder: string, name: string | null): void {
    const known = this.#folders.get(folder);
    const plain = name?.replace(/-(?:wal|shm)$/, '');
    if (known !== undefined && plain !== undefined && known.names?.test(plain)) {
      const file = { agent: known.agent, path: join(folder, plain) };
      this.#hinted.set(file.path, file);
      this.#wake(SETTLE_MS);
      return;
    }
    // What others do in these folders must not keep us busy.
    const rest = this.#sweptMs * NOTICED_REST_FACTOR - (performance.now() - this.#sweptAt);
    this.#sweepAfter(Math.max(SETTLE_MS, rest));
  }
}
