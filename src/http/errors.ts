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

/** The answer for an error, by default with the status of its code; `Retry-After` (seconds) where it says when to come back. */
export function errorResponse(error: AppError, status: number = errorCodes[error.code].http): Response {
  const headers = new Headers({ 'x-content-type-options': 'nosniff' });
  const { retry_after_seconds } = error.details;
  if (typeof retry_after_seconds === 'number') headers.set('retry-after', String(Math.ceil(retry_after_seconds)));
  else if (status === 503 && error.retryable) headers.set('retry-after', String(RETRY_SECONDS));
  return Response.json(errorBody(error), { status, headers });
}

/** The answer to whatever a route threw. What nobody foresaw is logged, and shown as a reference id only. */
export function responseOf(thrown: unknown, log: Log): Response {
  if (thrown instanceof HttpRefusal) {
    const response = errorResponse(thrown.error, thrown.status);
    // The rest of the body is still on its way, so the connection cannot be used again.
    if (thrown.status === 413) response.headers.set('connection', 'close');
    return response;
  }
  if (thrown instanceof AppError) return errorResponse(thrown);
  const passing = unavailable(thrown);
  if (passing) return errorResponse(passing);
  const reference = requestIdHere();
  log.error({ err: thrown, reference }, 'an HTTP request failed');
  return errorResponse(
    new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } }),
  );
}
