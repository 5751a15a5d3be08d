import type { Caller } from '../auth/caller.ts';
import { scopesFor } from '../auth/challenge.ts';
import { AppError } from '../errors/app-error.ts';
import { errorCodes } from '../errors/codes.ts';
import { unavailable } from '../errors/unavailable.ts';
import type { Log } from '../log/log.ts';
import { requestIdHere } from '../telemetry/scope.ts';

/** When to come back, where nobody knows better. */
const RETRY_SECONDS = 5;

/** A refusal whose status the table of codes does not have, such as 413. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly error: AppError;

  constructor(status: number, error: AppError) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

/** The body of every failed answer: `{error: message, code, hint, retryable, details}`. */
export function errorBody(error: AppError) {
  const { message, ...rest } = error.toShape();
  return { error: message, ...rest };
}

/** An answer that says what went wrong. */
export interface Failure {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: ReturnType<typeof errorBody>;
}

/** By default with the status of its code; `Retry-After` (seconds) where it says when to come back. */
export function failureOf(error: AppError, status: number = errorCodes[error.code].http): Failure {
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  const { retry_after_seconds } = error.details;
  if (typeof retry_after_seconds === 'number') headers['retry-after'] = String(Math.ceil(retry_after_seconds));
  else if (status === 503 && error.retryable) headers['retry-after'] = String(RETRY_SECONDS);
  return { status, headers, body: errorBody(error) };
}

/** Makes the value of `WWW-Authenticate` for a caller whose next token must have all these scopes. */
export type StepUp = (scopes: readonly string[]) => string;

/** Who is told of a failure, and can get a better token. */
interface Told {
  readonly log: Log;
  readonly caller?: Caller;
  readonly stepUp?: StepUp;
}

/** For whatever a route threw. What nobody foresaw is logged, and shown as a reference id only. */
export function failureFor(thrown: unknown, { log, caller, stepUp }: Told): Failure {
  if (thrown instanceof HttpRefusal) {
    const failure = failureOf(thrown.error, thrown.status);
    // The rest of the body is still on its way, so the connection cannot be used again.
    if (thrown.status === 413) failure.headers.connection = 'close';
    return failure;
  }
  if (thrown instanceof AppError) {
    const failure = failureOf(thrown);
    const scope = thrown.code === 'INSUFFICIENT_SCOPE' && thrown.details.required_scope;
    if (typeof scope === 'string' && caller && stepUp)
      failure.headers['www-authenticate'] = stepUp(scopesFor(caller, [scope]));
    return failure;
  }
  const passing = unavailable(thrown);
  if (passing) return failureOf(passing);
  const reference = requestIdHere();
  log.error({ err: thrown, reference }, 'an HTTP request failed');
  return failureOf(
    new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } }),
  );
}

/** As `failureOf`. */
export const errorResponse = (error: AppError, status?: number): Response => asResponse(failureOf(error, status));

/** As `failureFor`. */
export const responseOf = (thrown: unknown, told: Told): Response => asResponse(failureFor(thrown, told));

const asResponse = ({ status, headers, body }: Failure): Response => Response.json(body, { status, headers });
