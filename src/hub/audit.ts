import { AppError } from '../errors/app-error.ts';
import { newId } from '../ids/ids.ts';
import type { Log } from '../log/log.ts';
import type { AuditRecord } from '../store/rows.ts';
import type { AuditEntry, AuditQuery, AuditStore, Page } from '../store/store.ts';
import type { Audit } from './hub.ts';
import { redact } from './redact.ts';

/** Records of one transaction; more wait for the next. */
const MAX_BATCH = 500;
/** Records that are kept while they cannot be written: by then only reads and refusals are recorded. */
const MAX_KEPT = 10_000;
const RETRY_AFTER_MS = 1_000;

interface Waiting {
  readonly record: AuditRecord;
  readonly durable: PromiseWithResolvers<void>;
}

/**
 * Group commit: what arrives while a transaction is being written goes into the next one, so a lone record is durable after
 * one commit, and a thousand concurrent ones after a few.
 */
export class AuditTrail implements Audit {
  readonly #store: AuditStore;
  readonly #log: Log;
  #queue: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;

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

  record(entry: Omit<AuditRecord, 'id' | 'time'>): Promise<void> {
    const record = { ...entry, details: redact(entry.details), id: newId('aud'), time: Date.now() };
    const durable = Promise.withResolvers<void>();
    this.#queue.push({ record, durable });
    if (this.#retry === undefined) this.#flushing ??= this.#flush();
    else if (this.#queue.length > MAX_KEPT) this.#queue.shift();
    return durable.promise;
  }

  list(query: AuditQuery): Promise<Page<AuditEntry>> {
    return this.#store.list(query);
  }

  verify(): Promise<{ records: number; brokenAt: string | null }> {
    return this.#store.verify();
  }

  /** Settles when all that was recorded until now is durable, or has failed once more. */
  async close(): Promise<void> {
    if (this.#retry !== undefined) this.#tryAgain();
    while (this.#flushing !== undefined) await this.#flushing;
    clearTimeout(this.#retry);
  }

  async #flush(): Promise<void> {
    // Calls that end in the same turn of the event loop share the first transaction too.
    await new Promise(resolve => setImmediate(resolve));
    while (this.#queue.length > 0 && this.#retry === undefined) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      try {
        await this.#store.append(batch.map(({ record }) => record));
        for (const { durable } of batch) durable.resolve();
      } catch (error) {
        this.#log.error({ err: error, records: batch.length }, 'audit records were not written; trying again');
        this.#queue.unshift(...batch);
        for (const { durable } of this.#queue) durable.reject(error);
        this.#retry = setTimeout(() => this.#tryAgain(), RETRY_AFTER_MS).unref();
      }
    }
    this.#flushing = undefined;
  }

  #tryAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#flushing ??= this.#flush();
  }
}
