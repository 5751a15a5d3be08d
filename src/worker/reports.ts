import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { askHub, type Link, NotHere } from '../protocol/link.ts';
import type { HubRequest, HubVerb } from '../protocol/messages.ts';
import { Backoff } from './backoff.ts';

/** What is told once and needs no answer but its acknowledgement. */
type ReportVerb = Extract<HubVerb, 'run.ended' | 'box.changed' | 'egress.seen'>;

const ASK_TIMEOUT_MS = 10_000;
/** Beyond this the oldest is given up: a worker must not run out of memory because no hub is there. */
const MAX_PENDING = 5_000;

interface Pending {
  readonly stop: AbortController;
  readonly what: object;
}

/**
 * Tells a hub what happened, again and again until it acknowledges. Reports of one key go one after another, in order; of
 * those that wait, only the newest is sent. Without a key each goes on its own.
 */
export class Reports {
  readonly #link: Link;
  readonly #log: Log;
  readonly #pending = new Set<Pending>();
  readonly #newest = new Map<string, (() => Promise<void>) | null>();
  readonly #closed = new AbortController();

  constructor({ link, log }: { link: Link; log: Log }) {
    this.#link = link;
    this.#log = log;
  }

  get pending(): number {
    return this.#pending.size;
  }

  send<Verb extends ReportVerb>(verb: Verb, body: HubRequest<Verb>, options: { key?: string } = {}): void {
    const deliver = () => this.#deliver(verb, body);
    const { key } = options;
    if (key === undefined) void deliver();
    else if (this.#newest.has(key)) this.#newest.set(key, deliver);
    else void this.#inTurn(key, deliver);
  }

  /** Gives up what is not acknowledged. */
  close(): void {
    this.#closed.abort(new Error('the worker is closing'));
  }

  async #inTurn(key: string, first: () => Promise<void>): Promise<void> {
    let deliver: (() => Promise<void>) | null | undefined = first;
    while (deliver) {
      this.#newest.set(key, null);
      await deliver();
      deliver = this.#newest.get(key);
    }
    this.#newest.delete(key);
  }

  async #deliver<Verb extends ReportVerb>(verb: Verb, body: HubRequest<Verb>): Promise<void> {
    const stop = new AbortController();
    const pending = { stop, what: { verb, workspace: body.workspaceId } };
    this.#pending.add(pending);
    this.#dropOldest();
    const signal = AbortSignal.any([stop.signal, this.#closed.signal]);
    const backoff = new Backoff({ firstMs: 100, mostMs: 5_000 });
    try {
      while (!signal.aborted && !(await this.#wasHeard(verb, body, signal))) await backoff.wait(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#pending.delete(pending);
    }
  }

  async #wasHeard<Verb extends ReportVerb>(verb: Verb, body: HubRequest<Verb>, signal: AbortSignal): Promise<boolean> {
    try {
      await askHub(this.#link, verb, body, { timeoutMs: ASK_TIMEOUT_MS, signal });
      return true;
    } catch (error) {
      // A refusal is an answer: the workspace is gone, or is no longer this worker's. Trouble of the hub's own is none.
      if (error instanceof NotHere || (error instanceof AppError && error.code !== 'INTERNAL_ERROR')) return true;
      if (!signal.aborted) this.#log.debug({ verb, error }, 'a hub has not acknowledged a report yet');
      return false;
    }
  }

  #dropOldest(): void {
    if (this.#pending.size <= MAX_PENDING) return;
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    oldest.stop.abort(new Error('given up'));
    this.#log.error({ report: oldest.what }, 'gave up a report that no hub acknowledged');
  }
}
