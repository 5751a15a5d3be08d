import { AppError, type ErrorDetails } from '../../errors/app-error.ts';
import type { ErrorCode } from '../../errors/codes.ts';

/** An answer that is not what was asked for. */
export interface FailedAnswer {
  readonly status: number;
  /** What the service said, at most 500 characters, without the token. */
  readonly message: string;
  /** The body, where it was JSON. */
  readonly body: unknown;
  readonly retryAfterMs?: number | undefined;
}

export interface Explanation {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: ErrorDetails;
}

export type StatusTable = Readonly<Partial<Record<number, (answer: FailedAnswer) => Explanation>>>;

/** How failures of one service are told. */
export interface ServiceNames {
  /** As in `Rate limit of codegen reached`. */
  readonly provider: string;
  /** As in `Codegen API error: …`. */
  readonly title: string;
  readonly apiError: ErrorCode;
  /** The variable to look at when the token is refused. */
  readonly tokenVariable: string;
  readonly byStatus?: StatusTable;
  /** What to do when the token is refused, where the table of errors does not say enough. */
  readonly tokenHint?: string;
  /** The same when it is taken, and not enough for what was asked. */
  readonly permissionHint?: string;
}

/**
 * What a call to a service ended with. `outcome` tells about calls that change something: `refused` means that nothing was done,
 * `unknown` that it may have been: the request may have arrived, or the answer cannot be read.
 */
export class UpstreamFailure extends AppError {
  readonly outcome: 'refused' | 'unknown';
  /** The HTTP status; undefined without an answer. */
  readonly status: number | undefined;

  constructor(
    { code, message, hint, details }: Explanation,
    options: { outcome: 'refused' | 'unknown'; status?: number; cause?: unknown },
  ) {
    super(code, message, { hint, details, cause: options.cause });
    this.outcome = options.outcome;
    this.status = options.status;
  }
}

/** Whether a call that changes something may have done so, although it failed: to be looked up before it is repeated. */
export const isOutcomeUnknown = (error: unknown): boolean =>
  error instanceof UpstreamFailure && error.outcome === 'unknown';

/** By the table of the request, then that of the service, then what all services have in common. */
export function answerFailure(
  answer: FailedAnswer,
  { service, byStatus }: { service: ServiceNames; byStatus?: StatusTable | undefined },
): UpstreamFailure {
  const { status } = answer;
  const explain = byStatus?.[status] ?? service.byStatus?.[status] ?? common(service)[status];
  const explanation = explain?.(answer) ?? {
    code: service.apiError,
    message: `${service.title} API error: ${status} - ${answer.message}`,
    details: { status_code: status },
  };
  return new UpstreamFailure(explanation, { outcome: status >= 500 ? 'unknown' : 'refused', status });
}

/** The body of a successful answer cannot be read: it was no JSON, too large, or a field is missing or mistyped. */
export function unreadable(
  { status, problem, field }: { status: number; problem: string; field?: string },
  service: ServiceNames,
): UpstreamFailure {
  return new UpstreamFailure(
    {
      code: service.apiError,
      message: `${service.title} API error: ${status} - ${problem}`,
      details: { status_code: status, ...(field === undefined ? {} : { field }) },
    },
    { outcome: 'unknown', status },
  );
}

/** RATE_LIMITED before anything was sent: our own budget is used up for so long. */
export function rateLimited(service: ServiceNames, retryAfterMs: number): UpstreamFailure {
  return new UpstreamFailure(
    {
      code: 'RATE_LIMITED',
      message: `Rate limit of ${service.provider} reached`,
      details: { retry_after_seconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) },
    },
    { outcome: 'refused' },
  );
}

export interface NoAnswer {
  readonly reason: string;
  readonly attempts: number;
  readonly outcome: 'refused' | 'unknown';
  readonly retryMs?: number;
  readonly cause?: unknown;
}

/** NETWORK_ERROR: no answer, after so many attempts. `outcome` says whether the request may have had an effect. */
export function networkFailure({ reason, attempts, outcome, retryMs, cause }: NoAnswer): UpstreamFailure {
  const retry = retryMs === undefined ? {} : { retry_after_seconds: Math.max(1, Math.ceil(retryMs / 1000)) };
  return new UpstreamFailure(
    { code: 'NETWORK_ERROR', message: `Network error: ${reason}`, details: { reason, attempts, ...retry } },
    { outcome, cause },
  );
}

function common(service: ServiceNames): StatusTable {
  const { tokenHint, permissionHint = tokenHint } = service;
  const unauthenticated = ({ status, message }: FailedAnswer): Explanation => {
    const hint = status === 403 ? permissionHint : tokenHint;
    return {
      code: 'AUTHENTICATION_FAILED',
      message: `Authentication failed. Check ${service.tokenVariable}.`,
      ...(hint === undefined ? {} : { hint }),
      details: { status_code: status, message },
    };
  };
  return {
    401: unauthenticated,
    403: unauthenticated,
    429: ({ retryAfterMs }) => ({
      code: 'RATE_LIMITED',
      message: `Rate limit of ${service.provider} reached`,
      details: { retry_after_seconds: Math.max(1, Math.ceil((retryAfterMs ?? 1000) / 1000)) },
    }),
  };
}
