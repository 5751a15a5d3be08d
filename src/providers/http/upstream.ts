import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { CallEnd, CircuitStatus } from './circuit-breaker.ts';
import {
  answerFailure,
  networkFailure,
  rateLimited,
  type ServiceNames,
  type StatusTable,
  unreadable,
  UpstreamFailure,
} from './failures.ts';
import { BudgetSpent } from './rate-budget.ts';
import { type Body, fieldProblem, messageOf, parseBody } from './reading.ts';
import { retryAfterMs } from './retry-after.ts';
import { type Sent, send } from './send.ts';
import type { LimitRules, Limits, SharedLimits } from './shared-limits.ts';

export interface UpstreamOptions {
  readonly service: ServiceNames;
  /** Origin, and where there is one the path that all paths lie below. */
  readonly baseUrl: string;
  readonly token: string;
  /** The headers that carry the token. They go to the origin of `baseUrl` and nowhere else. */
  readonly authorization: (token: string) => Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Repetitions after the first attempt; waits double from `firstMs`, each ±25 %. */
  readonly retries: { readonly most: number; readonly firstMs: number; readonly mostMs: number };
  /** Whether what got no answer in time is asked again, where that is safe. */
  readonly retriesTimeouts: boolean;
  readonly rules: LimitRules;
  readonly shared: SharedLimits;
  /** How long a request waits for its place in the rate budget, or as `Retry-After` says. */
  readonly mostWaitMs?: number;
  readonly maxBytes?: number;
}

export interface UpstreamRequest<T> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Below the base URL, begins with a slash; variable parts are encoded by the caller (`encodeURIComponent`). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** What the answer must hold; further fields pass. An empty body is read as undefined. */
  readonly reads: z.ZodType<T>;
  /** Failures that mean something particular for this request. */
  readonly byStatus?: StatusTable;
  /** Windows of the rate budget, the most specific last. */
  readonly windows?: readonly string[];
  /** Repeating is harmless; default: only of GET. */
  readonly isSafe?: boolean;
  readonly signal: AbortSignal;
}

const MAX_BYTES = 32 * 1024 * 1024;
const MOST_WAIT_MS = 30_000;
const TEMPORARY = new Set([429, 502, 503, 504]);
const UNREACHABLE = new Set([502, 503, 504]);

/**
 * A service that others run, behind one base URL and token. Every failure is an `UpstreamFailure`; its `outcome` says whether a call that
 * changes something may have done so. Nothing that is thrown or returned holds the token.
 */
export class Upstream {
  readonly origin: string;
  readonly #options: UpstreamOptions;
  readonly #base: URL;
  readonly #limits: Limits;

  /** Throws VALIDATION_ERROR when the base URL is no http(s) URL, or holds credentials. */
  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#base = baseOf(options);
    this.origin = this.#base.origin;
    this.#limits = options.shared.of({ origin: this.origin, token: options.token, rules: options.rules });
  }

  /** What is known of the way to the service. */
  status(): CircuitStatus {
    return this.#limits.breaker.status();
  }

  async request<T>(request: UpstreamRequest<T>): Promise<T> {
    const { service } = this.#options;
    request.signal.throwIfAborted();
    const admission = this.#limits.breaker.admit();
    if (!admission.admitted)
      throw networkFailure({
        reason: `${admission.reason}; not asked again before ${Math.max(1, Math.ceil(admission.retryMs / 1000))} s are over`,
        attempts: 0,
        outcome: 'refused',
        retryMs: admission.retryMs,
      });
    let end: CallEnd = { kind: 'abandoned' };
    try {
      const { status, body } = await this.#answer(request);
      end = { kind: 'answered' };
      if (!body.isReadable) throw unreadable({ status, problem: body.problem }, service);
      const read = request.reads.safeParse(body.value);
      if (read.success) return read.data;
      const { field, problem } = fieldProblem(read.error);
      throw unreadable({ status, problem, field }, service);
    } catch (error) {
      if (end.kind !== 'answered' && error instanceof UpstreamFailure) end = endOf(error);
      throw error;
    } finally {
      admission.report(end);
    }
  }

  /** A successful answer; repeats what may be repeated. */
  async #answer<T>(request: UpstreamRequest<T>): Promise<{ status: number; body: Body }> {
    for (let attempt = 1; ; attempt++) {
      const sent = await this.#attempt(request);
      if (sent.kind === 'answer' && sent.status >= 200 && sent.status < 300) {
        return { status: sent.status, body: parseBody(this.#withoutToken(sent.text)) };
      }
      const { failure, waitMs } = this.#judge(sent, { request, attempt });
      if (waitMs === undefined) throw failure;
      await delay(waitMs, undefined, { signal: request.signal });
    }
  }

  async #attempt<T>({ method, path, query, body, windows, signal }: UpstreamRequest<T>): Promise<Sent> {
    const { authorization, token, timeoutMs, maxBytes = MAX_BYTES } = this.#options;
    const take = () => this.#place(windows ?? [ALL], signal);
    let place = await take();
    try {
      return await send({
        method,
        url: this.#urlOf(path, query ?? {}),
        headers: {
          accept: 'application/json',
          'user-agent': 'boxswain',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...authorization(token),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        timeoutMs,
        maxBytes,
        signal,
        beforeRedirect: async () => {
          place.settle();
          place = await take();
        },
      });
    } finally {
      place.settle();
    }
  }

  async #place(windows: readonly string[], signal: AbortSignal) {
    const { service, mostWaitMs = MOST_WAIT_MS } = this.#options;
    try {
      return await this.#limits.budget.take({ windows, mostWaitMs, signal });
    } catch (error) {
      if (error instanceof BudgetSpent) throw rateLimited(service, error.retryAfterMs);
      throw error;
    }
  }

  /** What went wrong, and how long to wait before the next attempt; undefined when there is to be none. */
  #judge<T>(
    sent: Sent,
    { request, attempt }: { request: UpstreamRequest<T>; attempt: number },
  ): { failure: UpstreamFailure; waitMs: number | undefined } {
    const { service, retries, retriesTimeouts, mostWaitMs = MOST_WAIT_MS } = this.#options;
    const isSafe = request.isSafe ?? request.method === 'GET';
    const backoffMs = Math.min(retries.mostMs, retries.firstMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
    const isLast = attempt > retries.most;
    if (sent.kind === 'none') {
      const { reason, cause } = sent;
      const outcome = sent.wasNotSent ? 'refused' : 'unknown';
      const failure = networkFailure({ reason, attempts: attempt, outcome, cause });
      const mayRepeat =
        sent.isTemporary && (sent.wasNotSent || (isSafe && (retriesTimeouts || !sent.isTimeout))) && !isLast;
      return { failure, waitMs: mayRepeat ? backoffMs : undefined };
    }
    if (sent.kind === 'too-large')
      return {
        failure: unreadable({ status: sent.status, problem: 'the answer is too large' }, service),
        waitMs: undefined,
      };
    const pauseMs = retryAfterMs(sent.headers.get('retry-after'));
    if (sent.status === 429 && pauseMs !== undefined)
      this.#limits.budget.pause(request.windows?.at(-1) ?? ALL, pauseMs);
    const failure = this.#failureOf(sent, { request, pauseMs });
    const mayRepeat = TEMPORARY.has(sent.status) && (isSafe || sent.status === 429) && !isLast;
    const waitMs = Math.max(backoffMs, pauseMs ?? 0);
    return { failure, waitMs: mayRepeat && (pauseMs ?? 0) <= mostWaitMs ? waitMs : undefined };
  }

  #failureOf<T>(
    sent: Extract<Sent, { kind: 'answer' }>,
    { request, pauseMs }: { request: UpstreamRequest<T>; pauseMs: number | undefined },
  ): UpstreamFailure {
    const { service } = this.#options;
    const { status } = sent;
    if (status >= 300 && status < 400) {
      const message = 'a redirect that is not followed, as it may lead the token elsewhere';
      return answerFailure({ status, message, body: undefined }, { service });
    }
    const body = parseBody(this.#withoutToken(sent.text));
    const value = body.isReadable ? body.value : undefined;
    const answer = { status, message: messageOf(body, status), body: value, retryAfterMs: pauseMs };
    return answerFailure(answer, { service, byStatus: request.byStatus });
  }

  #urlOf(path: string, query: Readonly<Record<string, string | number | boolean | undefined>>): URL {
    const url = new URL(this.#base);
    url.pathname = `${this.#base.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  /** A service may repeat what it was sent. Short tokens are no secret, and would be found everywhere. */
  #withoutToken(text: string): string {
    const { token } = this.#options;
    return token.length < 8 ? text : text.replaceAll(token, '[redacted]');
  }
}

const ALL = 'all';

function baseOf({ baseUrl, service }: UpstreamOptions): URL {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url;
  throw new AppError('VALIDATION_ERROR', `the URL of ${service.title} must be http(s)://host, without credentials`);
}

/** A service that refuses is there; one that gives no answer, or whose proxy says that it is away, is not. */
function endOf(failure: UpstreamFailure): CallEnd {
  if (failure.code === 'NETWORK_ERROR' || (failure.status !== undefined && UNREACHABLE.has(failure.status)))
    return {
      kind: 'failed',
      reason: failure.code === 'NETWORK_ERROR' ? String(failure.details.reason) : failure.message,
    };
  return failure.status === undefined ? { kind: 'abandoned' } : { kind: 'answered' };
}
