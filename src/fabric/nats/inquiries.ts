import { performance } from 'node:perf_hooks';
import type { Log } from '../../log/log.ts';
import type { Connection } from './connection.ts';
import type { Pending } from './pending.ts';
import { requestNumbers } from './serving.ts';
import { inquirySubject } from './subjects.ts';

export interface InquiryTiming {
  /** How often, and how old a request is when it is first asked about. */
  readonly everyMs: number;
  /** Longer than a worker takes to notice that its connection is dead, and to come back. */
  readonly patienceMs: number;
}

/** So that an inquiry fits into a message. */
const MOST_AT_ONCE = 5_000;

/**
 * Finds out early that a request was lost, with a broker, a connection or a worker that died: some requests may take a day, and their
 * callers would wait that long. Asks the worker which of them it still has, and gives up on one that is gone.
 */
export class Inquiries {
  readonly #pending: Pending;
  readonly #connection: Connection;
  readonly #log: Log;
  readonly #everyMs: number;
  readonly #patienceMs: number;
  /** Since when a worker has said nothing. */
  readonly #silent = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { pending: Pending; connection: Connection; log: Log } & Partial<InquiryTiming>) {
    this.#pending = options.pending;
    this.#connection = options.connection;
    this.#log = options.log;
    this.#everyMs = options.everyMs ?? 2_500;
    this.#patienceMs = options.patienceMs ?? 10_000;
  }

  start(): void {
    this.#timer = setInterval(() => this.#askAll(), this.#everyMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #askAll(): void {
    if (!this.#connection.isConnected) {
      // As long as the broker is away nobody can answer.
      this.#silent.clear();
      return;
    }
    const unanswered = this.#pending.unanswered(this.#everyMs);
    for (const worker of this.#silent.keys()) if (!unanswered.has(worker)) this.#silent.delete(worker);
    for (const [worker, requests] of unanswered) this.#ask(worker, requests.slice(0, MOST_AT_ONCE));
  }

  #ask(worker: string, requests: number[]): void {
    const settle = () => {
      clearTimeout(timer);
      leave();
    };
    const silent = () => {
      settle();
      const since = this.#silent.get(worker) ?? performance.now();
      this.#silent.set(worker, since);
      if (performance.now() - since < this.#patienceMs) return;
      this.#log.warn({ worker, requests: requests.length }, 'gave up on requests to a worker that says nothing');
      this.#pending.lost(requests, 'the worker is gone');
    };
    const timer = setTimeout(silent, this.#everyMs);
    timer.unref();
    const leave = this.#pending.ask({
      to: { worker },
      subject: inquirySubject(worker),
      body: Buffer.from(JSON.stringify(requests)),
      listener: {
        fail: silent,
        answer: (_from, answer) => {
          settle();
          if (answer instanceof Error) return;
          this.#silent.delete(worker);
          this.#pending.lost(requestNumbers.parse(JSON.parse(Buffer.from(answer).toString('utf8'))), 'it was lost');
        },
      },
    });
  }
}
