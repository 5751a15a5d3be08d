import type { Log } from '../../../log/log.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import { Backoff } from '../../backoff.ts';

/** A hub that lost its records, or a worker that lost its lease, has forgotten it by now. */
const AGAIN_MS = 10_000;

interface TellerOptions {
  readonly log: Log;
  tell(open: readonly OpenSession[], signal: AbortSignal): Promise<unknown>;
}

/** Tells hubs what is open here: the newest state, until one has heard it, and again now and then. */
export class PresenceTeller {
  readonly #options: TellerOptions;
  readonly #closed = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #open: readonly OpenSession[] | undefined;
  #isNew = false;
  #telling: Promise<void> | undefined;

  constructor(options: TellerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#again(), AGAIN_MS);
    this.#timer.unref();
  }

  set(open: readonly OpenSession[]): void {
    this.#open = open;
    this.#again();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed.abort(new Error('presence is closed'));
    await this.#telling;
  }

  #again(): void {
    if (this.#open === undefined || this.#closed.signal.aborted) return;
    this.#isNew = true;
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tell(): Promise<void> {
    const { signal } = this.#closed;
    const backoff = new Backoff({ firstMs: 50, mostMs: 2_000 });
    while (this.#isNew && !signal.aborted) {
      this.#isNew = false;
      try {
        await this.#options.tell(this.#open ?? [], signal);
      } catch (error) {
        this.#isNew = true;
        this.#options.log.debug({ err: error }, 'no hub has heard yet what is open in terminals');
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }
}
