import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { isErrorCode } from '../../errors/codes.ts';
import {
  type HistoryChange,
  historyChangeSchema,
  type HistoryStatus,
  historyStatusSchema,
  type MemoryFile,
  memoryFileSchema,
  type MessagesRequest,
  type ProjectFilter,
  type ProjectPage,
  projectPageSchema,
  type SearchPage,
  searchPageSchema,
  type SearchRequest,
  type SessionFilter,
  type SessionMessages,
  sessionMessagesSchema,
  type SessionPage,
  sessionPageSchema,
  type UsageFilter,
  type UsageReport,
  usageReportSchema,
} from '../../protocol/history.ts';
import { type SinceRequest, type WrittenSince, writtenSinceSchema } from '../../protocol/presence.ts';
import { ChangeStreams } from './change-streams.ts';
import type { HistoryRoots } from './roots.ts';
import type { IndexReport, IndexRequest, QueryAnswer, ThreadData } from './threads.ts';

export interface HistoryOptions {
  /** File of the index; made with its folder when it is not there. It holds nothing that is not in the transcripts. */
  readonly path: string;
  readonly roots: HistoryRoots;
  /** Days that the text of a session is kept after the agent removed its transcript; absent: for ever. */
  readonly retentionDays?: number;
  /** Folders that are watched at most; what changes in others is found by polling. */
  readonly maxWatches?: number;
  /** Milliseconds between two looks at everything: when all folders are watched, and when not. */
  readonly sweepMs?: { readonly watched: number; readonly polled: number };
  /** Told when something went wrong in the background; it is tried again. */
  readonly onError?: (message: string) => void;
}

/** What agents did on this machine before, from their own records, which are only read. */
export interface History extends AsyncDisposable {
  projects(filter: ProjectFilter): Promise<ProjectPage>;
  sessions(filter: SessionFilter): Promise<SessionPage>;
  /** Undefined for a session that it does not know. */
  messages(request: MessagesRequest): Promise<SessionMessages | undefined>;
  /** What came into a transcript after a message, in the order of writing; undefined for a session that it does not know. */
  since(request: SinceRequest): Promise<WrittenSince | undefined>;
  search(request: SearchRequest): Promise<SearchPage>;
  usage(filter: UsageFilter): Promise<UsageReport>;
  /** Of a directory: its own from now on, whatever is written there. */
  slugOf(path: string): Promise<string>;
  /** Undefined for a project that it does not know. */
  memory(request: { readonly slug: string; readonly include: 'memory' | 'all' }): Promise<MemoryFile[] | undefined>;
  status(): Promise<HistoryStatus>;
  /** What is appended from now on, once the first look at everything is over. Ends with `signal`. */
  changes(signal: AbortSignal): AsyncIterable<HistoryChange>;
  /** Settles when all that was there at the start has been read. */
  readonly caughtUp: Promise<void>;
  /** Settles when all that files hold now has been read. */
  refresh(): Promise<void>;
}

/** Of each thread's memory: what is soon thrown away, which is nearly all of it. */
const YOUNG_MB = 16;
const MAX_WATCHES = 2000;
const SWEEP_MS = { watched: 10_000, polled: 500 };

/** Opens the history: one thread reads transcripts into the index, another answers. Settles when questions can be asked. */
export async function openHistory(options: HistoryOptions): Promise<History> {
  const history = new ThreadedHistory(options);
  try {
    await history.opened;
    return history;
  } catch (error) {
    await history[Symbol.asyncDispose]();
    throw error;
  }
}

interface Waiting {
  settle(result: unknown): void;
  fail(error: Error): void;
}

class ThreadedHistory implements History {
  readonly opened: Promise<void>;
  readonly caughtUp: Promise<void>;
  readonly #indexer: Worker;
  readonly #answerer: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #changes = new ChangeStreams();
  readonly #onError: (message: string) => void;
  #nextId = 1;
  #isCatchingUp = true;
  #failure: Error | undefined;

  constructor({ path, roots, retentionDays, maxWatches = MAX_WATCHES, sweepMs = SWEEP_MS, onError }: HistoryOptions) {
    const workerData: ThreadData = { path, roots: { ...roots }, retentionDays, maxWatches, sweepMs };
    this.#onError = onError ?? (() => {});
    // Options that this process was started with may be none for a thread.
    const options = { workerData, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } };
    this.#indexer = new Worker(thread('index/index-thread'), { ...options, name: 'history-index' });
    this.#answerer = new Worker(thread('queries/query-thread'), { ...options, name: 'history-query' });
    const opened = Promise.withResolvers<void>();
    const caughtUp = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.caughtUp = caughtUp.promise;
    // Who does not wait for them must not be told by a crash.
    for (const promise of [this.opened, this.caughtUp]) promise.catch(() => {});
    this.#indexer.on('message', (report: IndexReport) => {
      if (report.type === 'open') opened.resolve();
      if (report.type === 'caught-up') {
        this.#isCatchingUp = false;
        caughtUp.resolve();
      }
      this.#heard(report);
    });
    this.#answerer.on('message', (answer: QueryAnswer) => this.#answered(answer));
    for (const worker of [this.#indexer, this.#answerer]) {
      worker.on('error', (error: Error) => {
        opened.reject(error);
        caughtUp.reject(error);
        this.#fail(error);
      });
    }
  }

  projects(filter: ProjectFilter): Promise<ProjectPage> {
    return this.#ask('projects', filter, projectPageSchema);
  }

  sessions(filter: SessionFilter): Promise<SessionPage> {
    return this.#ask('sessions', filter, sessionPageSchema);
  }

  messages(request: MessagesRequest): Promise<SessionMessages | undefined> {
    return this.#ask('messages', request, sessionMessagesSchema.optional());
  }

  since(request: SinceRequest): Promise<WrittenSince | undefined> {
    return this.#ask('since', request, writtenSinceSchema.optional());
  }

  search(request: SearchRequest): Promise<SearchPage> {
    return this.#ask('search', request, searchPageSchema);
  }

  usage(filter: UsageFilter): Promise<UsageReport> {
    return this.#ask('usage', filter, usageReportSchema);
  }

  memory(request: { readonly slug: string; readonly include: 'memory' | 'all' }): Promise<MemoryFile[] | undefined> {
    return this.#ask('memory', request, z.array(memoryFileSchema).optional());
  }

  async slugOf(path: string): Promise<string> {
    await this.#called(id => this.#order({ type: 'project', id, path }));
    return await this.#ask('slug', { path }, z.string());
  }

  async status(): Promise<HistoryStatus> {
    const status = await this.#ask('status', undefined, historyStatusSchema.omit({ isCatchingUp: true }));
    return { ...status, isCatchingUp: this.#isCatchingUp };
  }

  changes(signal: AbortSignal): AsyncIterable<HistoryChange> {
    return this.#changes.open(signal);
  }

  async refresh(): Promise<void> {
    await this.#called(id => this.#order({ type: 'refresh', id }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#changes.close();
    const ended = [this.#indexer, this.#answerer].map(
      worker => new Promise<void>(resolve => worker.once('exit', () => resolve())),
    );
    if (this.#failure === undefined) {
      this.#order({ type: 'close' });
      this.#answerer.postMessage({ id: 0, method: 'close', argument: undefined });
      await Promise.all(ended);
    } else await Promise.all([this.#indexer.terminate(), this.#answerer.terminate()]);
    this.#fail(new Error('the history is closed'));
  }

  #order(request: IndexRequest): void {
    this.#indexer.postMessage(request);
  }

  async #ask<Schema extends z.ZodType>(method: string, argument: unknown, schema: Schema): Promise<z.output<Schema>> {
    return schema.parse(await this.#called(id => this.#answerer.postMessage({ id, method, argument })));
  }

  #called(send: (id: number) => void): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise<unknown>((settle, fail) => {
      this.#waiting.set(id, { settle, fail });
      send(id);
    });
  }

  #heard(report: IndexReport): void {
    if (report.type === 'error') this.#onError(report.message);
    if (report.type === 'refreshed') this.#answered({ id: report.id, result: undefined });
    if (report.type === 'written' && this.#changes.isWanted) {
      this.#ask('changes', report.written, z.array(historyChangeSchema)).then(
        changes => this.#changes.push(changes),
        (error: Error) => this.#onError(error.message),
      );
    }
  }

  #answered(answer: QueryAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('result' in answer) waiting?.settle(answer.result);
    else {
      const { code, message } = answer.error;
      waiting?.fail(isErrorCode(code) && code !== 'INTERNAL_ERROR' ? new AppError(code, message) : new Error(message));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { fail } of this.#waiting.values()) fail(this.#failure);
    this.#waiting.clear();
    this.#changes.close();
  }
}

/** The compiled package has other extensions than the sources. */
const thread = (name: string): URL => new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
