import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Log } from '../log/log.ts';

/** With the time for which a verdict is kept, whoever was shut out is gone within a minute. */
const LOOK_MS = 15_000;

interface Open {
  readonly request: IncomingMessage;
  readonly token: string;
  /** It has no end of its own, so it must not outlast its token; a call may, so that its answer is not lost. */
  isStream: boolean;
}

/** Answers under way to callers with tokens: those of a token that is good no more are cut off, what runs for them is cancelled. */
export class OpenAnswers {
  readonly #authenticator: Authenticator;
  readonly #log: Log;
  readonly #open = new Map<ServerResponse, Open>();
  readonly #timer: NodeJS.Timeout;

  constructor(authenticator: Authenticator, { log, lookMs = LOOK_MS }: { log: Log; lookMs?: number }) {
    this.#authenticator = authenticator;
    this.#log = log;
    this.#timer = setInterval(() => void this.look(), lookMs);
    this.#timer.unref();
  }

  add(request: IncomingMessage, response: ServerResponse, token: string): void {
    this.#open.set(response, { request, token, isStream: request.method === 'GET' });
    response.once('close', () => this.#open.delete(response));
  }

  /** The answer of this request has no end of its own. */
  markStream(response: ServerResponse): void {
    const open = this.#open.get(response);
    if (open) open.isStream = true;
  }

  /** Judges the tokens of all that is open anew; `streamsOnly`: calls are left for the next look, that of the revocation itself too. */
  async look({ streamsOnly = false } = {}): Promise<void> {
    const looked = [...this.#open.values()].filter(({ isStream }) => isStream || !streamsOnly);
    const tokens = new Set(looked.map(({ token }) => token));
    await Promise.all([...tokens].map(token => this.#lookAt(token, { streamsOnly })));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #lookAt(token: string, { streamsOnly }: { streamsOnly: boolean }): Promise<void> {
    try {
      const verdict = await this.#authenticator.authenticate(token);
      if ('caller' in verdict) return;
      const isOver = ({ isStream }: Open) => isStream || (!streamsOnly && verdict.isExpired !== true);
      for (const open of this.#open.values()) if (open.token === token && isOver(open)) open.request.socket.destroy();
    } catch (error) {
      // Its issuer is away: whoever was let in stays until somebody can tell.
      this.#log.debug({ err: error }, 'the token of an open answer could not be checked');
    }
  }
}
