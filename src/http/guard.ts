import type { IncomingMessage } from 'node:http';
import { type AdmissionPolicy, admit, type RequestFacts, type Refusal } from '../auth/admission.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import { bearerIn, hasTokenInQuery } from '../auth/bearer.ts';
import type { Caller } from '../auth/caller.ts';
import { challengeHeader } from '../auth/challenge.ts';
import { metadataUrl, type Resource, resourceAt } from '../auth/resource.ts';
import type { Verdict } from '../auth/verdict.ts';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import type { Refused } from './refusals.ts';

/** A request that was let in, or why it was not. `token`: what it showed. */
export type Entry = { readonly caller: Caller; readonly token?: string } | { readonly refused: Refused };

/** What a request must have to be told how this server is called. */
type Asked = Pick<IncomingMessage, 'headers' | 'url'>;

export interface GuardOptions {
  /** Undefined: nobody can be known by a token. */
  readonly authenticator: Authenticator | undefined;
  /** Whether direct local requests need a token too. */
  readonly isTokenRequired: boolean;
  /** Under which others reach the server, where it is told. */
  readonly publicUrl: string | undefined;
  readonly log: Log;
}

/** Decides who a request acts for. Its Host and Origin must have been checked. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #fixed: Resource | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#fixed = options.publicUrl === undefined ? undefined : resourceAt(options.publicUrl);
  }

  /** What this server is called by whoever sent this request. */
  resourceOf({ headers }: Pick<Asked, 'headers'>): Resource {
    if (this.#fixed) return this.#fixed;
    // The Host is on the list; the scheme of a proxy is believed only in what this very client is told.
    const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
    return resourceAt(`${scheme}://${headers.host ?? 'localhost'}`);
  }

  /** Whether the resource is called the same in every answer, so that others may keep it. */
  get hasFixedResource(): boolean {
    return this.#fixed !== undefined;
  }

  get issuers(): readonly string[] {
    return this.#options.authenticator?.issuers ?? [];
  }

  /** Settles at once, unless a token has to be judged first. */
  enter(request: IncomingMessage, facts: RequestFacts, policy: AdmissionPolicy): Entry | Promise<Entry> {
    if (facts.transport === 'unix') return asEntry(admit(facts, policy));
    if (hasTokenInQuery(request.url ?? '')) return { refused: { error: IN_QUERY, status: 400 } };
    const shown = hasSeveral(request, 'authorization') ? 'unreadable' : bearerIn(request.headers.authorization);
    if (shown === 'none') {
      const admission = admit(facts, policy);
      if ('caller' in admission && this.#options.isTokenRequired) return this.#unauthorized(request);
      return 'caller' in admission ? admission : this.#refusedAs(admission.refusal, request);
    }
    const { authenticator } = this.#options;
    if (shown === 'unreadable' || authenticator === undefined) return this.#unauthorized(request, 'invalid_token');
    try {
      const verdict = authenticator.authenticate(shown.token);
      if (!(verdict instanceof Promise)) return this.#judged(verdict, shown.token, request);
      return verdict.then(
        judged => this.#judged(judged, shown.token, request),
        (error: unknown) => this.#unknown(error),
      );
    } catch (error) {
      return this.#unknown(error);
    }
  }

  /** The challenge to a caller who lacks scopes: all that its next token needs. */
  stepUp(request: Asked, scopes: readonly string[]): string {
    return challengeHeader({ metadataUrl: this.#metadataUrl(request), error: 'insufficient_scope', scopes });
  }

  #judged(verdict: Verdict, token: string, request: Asked): Entry {
    if ('caller' in verdict) return { caller: verdict.caller, token };
    this.#options.log.debug({ reason: verdict.refused }, 'a bearer token was refused');
    return this.#unauthorized(request, 'invalid_token');
  }

  #unknown(error: unknown): Entry {
    this.#options.log.warn({ err: error }, 'a bearer token could not be checked');
    if (error instanceof AppError) return { refused: { error } };
    return { refused: { error: new AppError('INTERNAL_ERROR', 'the token could not be checked'), status: 500 } };
  }

  #refusedAs({ status, code, message, hint }: Refusal, request: Asked): Entry {
    if (status === 401) return this.#unauthorized(request);
    return { refused: { error: new AppError(code, message, { hint }), status } };
  }

  #unauthorized(request: Asked, error?: 'invalid_token'): Entry {
    const challenge = challengeHeader({ metadataUrl: this.#metadataUrl(request), error });
    return { refused: { error: UNAUTHORIZED, status: 401, challenge } };
  }

  #metadataUrl(request: Asked): string | undefined {
    if (this.issuers.length === 0) return undefined;
    const isMcp = (request.url ?? '').startsWith('/mcp');
    return metadataUrl(this.resourceOf(request), isMcp ? 'mcp' : 'base');
  }
}

/** Whether a header came more than once: Node keeps the first and says nothing, and who is in between may believe the other. */
export function hasSeveral({ rawHeaders }: IncomingMessage, name: string): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const found = rawHeaders[at];
    if (found?.length === name.length && found.toLowerCase() === name) count++;
  }
  return count > 1;
}

function asEntry(admission: ReturnType<typeof admit>): Entry {
  if ('caller' in admission) return admission;
  const { status, code, message, hint } = admission.refusal;
  return { refused: { error: new AppError(code, message, { hint }), status } };
}

const UNAUTHORIZED = new AppError('UNAUTHORIZED', 'Unauthorized: Bearer token required', {
  hint: 'send a token that is valid here as Authorization: Bearer; without one only direct requests to a loopback address are answered',
});
const IN_QUERY = new AppError(
  'VALIDATION_ERROR',
  'a token in the address is not accepted: logs and histories would keep it',
  {
    hint: 'send it as Authorization: Bearer, and revoke this one, which others may have seen',
  },
);
