import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { askHub, type Link, NotHere } from '../protocol/link.ts';
import { type HubRequest, type HubVerb, hubRequests } from '../protocol/messages.ts';
import { Backoff } from './backoff.ts';
import { type Outbox, OutboxUnwritable } from './outbox.ts';

/** What is told once and needs no answer but its acknowledgement. */
const REPORT_VERBS = ['run.ended', 'box.changed', 'workspace.recovered', 'egress.seen'] as const;
type ReportVerb = Extract<HubVerb, (typeof REPORT_VERBS)[number]>;

const ASK_TIMEOUT_MS = 10_000;
const AT_ONCE = 16;
const MIB = 1024 * 1024;
/** Beyond these a workspace, or the whole worker, takes no more work: its reports have nowhere to go. */
const MOST_BYTES_OF_WORKSPACE = 64 * MIB;
const MOST_BYTES = 512 * MIB;
/** Room is looked for again so often. */
const LOOK_AGAIN_MS = 500;
/** What a hub refuses with trouble of its own so often keeps the worker from nothing any more. */
const PATIENCE = 5;

interface Report {
  readonly verb: ReportVerb;
  readonly workspace: string;
  readonly key: string | null;
  readonly bytes: number;
  /** Absent once it is on disk and could not be sent at once. */
  body: string | undefined;
  /** Where it lies in the outbox. */
  stored: number | undefined;
  refusals: number;
  readonly backoff: Backoff;
  readonly done: PromiseWithResolvers<void>;
}

export interface ReportsOptions {
  readonly link: Link;
  readonly log: Log;
  readonly outbox: Outbox;
  /** Reports that are not acknowledged by then are written down; 0: each is, before it is sent. */
  readonly storeAfterMs: number;
}

/**
 * Tells hubs what happened, again and again until one acknowledges; meanwhile it lies in the outbox. Reports of one key go one after
 * another, in order; of those that wait, only the newest is sent. Without a key each goes on its own.
 */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #queue: Report[] = [];
  readonly #pending = new Set<Report>();
  readonly #bytes = new Map<string, number>();
  #allBytes = 0;
  /** Of each key: whether one is being sent, and which is to be sent next. */
  readonly #keys = new Map<string, { next: Report | undefined }>();
  readonly #unstored = new Set<Report>();
  readonly #closed = new AbortController();
  #inFlight = 0;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  send<Verb extends ReportVerb>(verb: Verb, request: HubRequest<Verb>, options: { key?: string } = {}): void {
    const body = JSON.stringify(request);
    const report = this.#admit({ verb, workspace: request.workspaceId, key: options.key ?? null, body });
    if (this.#options.storeAfterMs === 0) this.#store(report);
    else setTimeout(() => this.#store(report), this.#options.storeAfterMs).unref();
    this.#line(report);
  }

  /** Sends what an earlier process has left. Settles when hubs have answered all of it, one way or the other. */
  async drain(signal: AbortSignal): Promise<void> {
    const reports: Report[] = [];
    for (const { id, verb, ...left } of this.#options.outbox.left()) {
      const known = REPORT_VERBS.find(name => name === verb);
      if (known === undefined) continue;
      const report = this.#admit({ ...left, verb: known });
      report.stored = id;
      report.body = undefined;
      reports.push(report);
      this.#line(report);
    }
    if (reports.length === 0) return;
    this.#options.log.info({ reports: reports.length }, 'sending reports that an earlier process has left');
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      signal.throwIfAborted();
      await Promise.race([Promise.all(reports.map(({ done }) => done.promise)), gone.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Why nothing more can be recorded for the workspace now; undefined when it can. */
  refusal(workspaceId: string): AppError | undefined {
    const ofWorkspace = this.#bytes.get(workspaceId) ?? 0;
    if (ofWorkspace >= MOST_BYTES_OF_WORKSPACE || this.#allBytes >= MOST_BYTES) return noRoom('outbox_full');
    return this.#hasDisk() ? undefined : noRoom('outbox_disk_full');
  }

  /** Settles when what a run comes to can be recorded. Rejects with the signal's reason. */
  async recordable(workspaceId: string, signal: AbortSignal): Promise<void> {
    while (this.refusal(workspaceId) !== undefined) await delay(LOOK_AGAIN_MS, undefined, { signal, ref: false });
  }

  /** Stops sending; what is not acknowledged lies in the outbox. */
  close(): void {
    for (const report of this.#pending) this.#store(report);
    this.#closed.abort(new Error('the worker is closing'));
    this.#options.outbox.close();
  }

  #admit({
    verb,
    workspace,
    key,
    body,
  }: {
    verb: ReportVerb;
    workspace: string;
    key: string | null;
    body: string;
  }): Report {
    const report: Report = {
      verb,
      workspace,
      key,
      bytes: body.length,
      body,
      stored: undefined,
      refusals: 0,
      backoff: new Backoff({ firstMs: 100, mostMs: 5_000 }),
      done: Promise.withResolvers(),
    };
    this.#pending.add(report);
    this.#count(report, report.bytes);
    return report;
  }

  #line(report: Report): void {
    const { key } = report;
    if (key !== null) {
      const turn = this.#keys.get(key);
      if (turn !== undefined) {
        if (turn.next !== undefined) this.#finish(turn.next);
        turn.next = report;
        return;
      }
      this.#keys.set(key, { next: undefined });
    }
    this.#queue.push(report);
    this.#pump();
  }

  #pump(): void {
    while (this.#inFlight < AT_ONCE && !this.#closed.signal.aborted) {
      const report = this.#queue.shift();
      if (report === undefined) return;
      this.#inFlight += 1;
      void this.#deliver(report).finally(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }

  async #deliver(report: Report): Promise<void> {
    const { signal } = this.#closed;
    if (await this.#wasHeard(report, signal)) {
      this.#finish(report);
      this.#follow(report);
      return;
    }
    if (signal.aborted) return;
    this.#store(report);
    if (report.stored !== undefined) report.body = undefined;
    report.backoff.wait(signal).then(
      () => {
        this.#queue.push(report);
        this.#pump();
      },
      // Closed: what is left lies in the outbox.
      () => {},
    );
  }

  /** The next of the same key. */
  #follow({ key }: Report): void {
    if (key === null) return;
    const next = this.#keys.get(key)?.next;
    if (next === undefined) {
      this.#keys.delete(key);
      return;
    }
    this.#keys.set(key, { next: undefined });
    this.#queue.push(next);
  }

  async #wasHeard(report: Report, signal: AbortSignal): Promise<boolean> {
    const { verb, workspace } = report;
    const { link, log, outbox } = this.#options;
    const text = report.body ?? (report.stored === undefined ? undefined : outbox.body(report.stored));
    const request = hubRequests[verb].request.safeParse(text === undefined ? undefined : JSON.parse(text));
    if (!request.success) {
      log.error({ verb, workspace, error: request.error }, 'a report that lay in the outbox is of no use');
      return true;
    }
    try {
      await askHub(link, verb, request.data, { timeoutMs: ASK_TIMEOUT_MS, signal });
      return true;
    } catch (error) {
      // A refusal is an answer: the workspace is gone, or is no longer this worker's. Trouble of the hub's own is none.
      if (error instanceof NotHere || (error instanceof AppError && error.code !== 'INTERNAL_ERROR')) return true;
      if (signal.aborted) return false;
      log.debug({ verb, error }, 'a hub has not acknowledged a report yet');
      if (error instanceof AppError) report.refusals += 1;
      if (report.refusals >= PATIENCE) report.done.resolve();
      return false;
    }
  }

  /** Once it is on disk it need not lie in memory as well. */
  #store(report: Report): void {
    if (!this.#pending.has(report) || report.stored !== undefined) return;
    const { body = '', verb, workspace, key } = report;
    try {
      report.stored = this.#options.outbox.put({ verb, workspace, key, body });
      this.#unstored.delete(report);
    } catch (error) {
      if (!(error instanceof OutboxUnwritable)) throw error;
      if (this.#unstored.size === 0)
        this.#options.log.error({ error }, 'the disk of the outbox is full; taking no work that must be recorded');
      this.#unstored.add(report);
    }
  }

  /** There is none while a report waits in memory for it. */
  #hasDisk(): boolean {
    if (this.#options.storeAfterMs > 0 && this.#unstored.size === 0) return true;
    for (const report of this.#unstored) this.#store(report);
    return this.#unstored.size === 0 && this.#options.outbox.isWritable();
  }

  #finish(report: Report): void {
    this.#pending.delete(report);
    this.#unstored.delete(report);
    this.#count(report, -report.bytes);
    if (report.stored !== undefined) this.#options.outbox.drop(report.stored);
    report.done.resolve();
  }

  #count({ workspace }: Report, bytes: number): void {
    this.#allBytes += bytes;
    const left = (this.#bytes.get(workspace) ?? 0) + bytes;
    if (left > 0) this.#bytes.set(workspace, left);
    else this.#bytes.delete(workspace);
  }
}

const noRoom = (reason: string): AppError =>
  new AppError('CAPACITY_EXCEEDED', 'the worker has no room to record what the run comes to', {
    hint: 'call again in a while; the operator finds out why in the log of the worker',
    details: { reason, retry_after_seconds: 5 },
  });
