import { AppError } from '../errors/app-error.ts';
import { newId } from '../ids/ids.ts';
import type { Log } from '../log/log.ts';
import type { AuditRecord } from '../store/rows.ts';
import type { AuditEntry, AuditQuery, AuditStore } from '../store/audit/store.ts';
import type { Page } from '../store/page.ts';
import type { Audit } from './hub.ts';
import { redact } from './redact.ts';

type NewRecord = Omit<AuditRecord, 'id' | 'time'>;

/** Records of one transaction; more wait for the next. */
const MAX_BATCH = 500;
/** Records that are kept while they cannot be written: by then only reads and refusals are recorded. */
const MAX_KEPT = 10_000;
const RETRY_AFTER_MS = 1_000;
/** A record that nobody waits for may be so old before it is written: a commit costs more than the rest of a small call. */
const NOTED_MS = 25;

interface Waiting {
  readonly record: AuditRecord;
  /** Undefined: nobody waits. */
  readonly durable: PromiseWithResolvers<void> | undefined;
}

/**
 * Group commit: what arrives while a transaction is being written goes into the next one, so a lone record is durable after
 * one commit, and a thousand concurrent ones after a few. What is only noted waits a moment for others.
 */
export class AuditTrail implements Audit {
  readonly #store: AuditStore;
  readonly #log: Log;
  #queue: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(store: AuditStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  admit(): void {
    if (this.#retry === undefined) return;
    throw new AppError('SERVICE_UNAVAILABLE', 'the audit log cannot be written, so nothing may be changed', {
      hint: 'call again in a moment; if that does not help, free space on the disk of the server, or run boxswain doctor there',
    });
  }

  record(entry: NewRecord): Promise<void> {
    const durable = Promise.withResolvers<void>();
    this.#add(entry, durable);
    if (this.#retry === undefined) this.#flushing ??= this.#flush();
    return durable.promise;
  }

  note(entry: NewRecord): void {
    this.#add(entry, undefined);
    this.#flushSoon();
  }

  async list(query: AuditQuery): Promise<Page<AuditEntry>> {
    await this.#written();
    return await this.#store.list(query);
  }

  async verify(): Promise<{ records: number; brokenAt: string | null }> {
    await this.#written();
    return await this.#store.verify();
  }

  /** Settles when all that was recorded until now is durable, or has failed once more. */
  async close(): Promise<void> {
    if (this.#retry !== undefined) this.#tryAgain();
    await this.#written();
    clearTimeout(this.#retry);
  }

  #add(entry: NewRecord, durable: Waiting['durable']): void {
    const record = { ...entry, details: redact(entry.details), id: newId('aud'), time: Date.now() };
    this.#queue.push({ record, durable });
    if (this.#retry !== undefined && this.#queue.length > MAX_KEPT) this.#queue.shift();
  }

  get #isAwaited(): boolean {
    return this.#queue.some(({ durable }) => durable !== undefined);
  }

  #flushSoon(): void {
    if (this.#retry !== undefined || this.#flushing !== undefined || this.#queue.length === 0) return;
    this.#soon ??= setTimeout(() => this.#flushNow(), NOTED_MS).unref();
  }

  #flushNow(): void {
    if (this.#retry === undefined && this.#queue.length > 0) this.#flushing ??= this.#flush();
  }

  /** Who asks for records finds those of all calls that were answered. */
  async #written(): Promise<void> {
    // One that is under way may leave what was noted since it began.
    await this.#flushing;
    this.#flushNow();
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Calls that end in the same turn of the event loop share the first transaction too.
    await new Promise(resolve => setImmediate(resolve));
    clearTimeout(this.#soon);
    this.#soon = undefined;
    // What is only noted meanwhile waits for its own moment: else a busy hub would be writing all the time, few at once.
    let due = this.#queue.length;
    while (this.#retry === undefined && (due > 0 || this.#isAwaited)) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      due -= batch.length;
      try {
        await this.#store.append(batch.map(({ record }) => record));
        for (const { durable } of batch) durable?.resolve();
      } catch (error) {
        this.#log.error({ err: error, records: batch.length }, 'audit records were not written; trying again');
        this.#queue.unshift(...batch);
        for (const { durable } of this.#queue) durable?.reject(error);
        this.#retry = setTimeout(() => this.#tryAgain(), RETRY_AFTER_MS).unref();
      }
    }
    this.#flushing = undefined;
    this.#flushSoon();
  }

  #tryAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#flushing ??= this.#flush();
  }
}
