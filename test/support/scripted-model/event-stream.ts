import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** An answer as server-sent events. What its reader no longer wants to hear rejects with an AbortError. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once('close', () => this.#gone.abort());
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  }

  async send(data: object, event?: string): Promise<void> {
    this.#gone.signal.throwIfAborted();
    const head = event === undefined ? '' : `event: ${event}\n`;
    if (!this.#response.write(`${head}data: ${JSON.stringify(data)}\n\n`)) {
      await once(this.#response, 'drain', { signal: this.#gone.signal });
    }
  }

  /** Part of the script, not coordination: a slow model is slow. */
  async wait(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: this.#gone.signal });
  }

  end(last = ''): void {
    this.#response.end(last);
  }
}
