import type { ServerResponse } from 'node:http';
import type { AppError } from '../errors/app-error.ts';
import { errorCodes } from '../errors/codes.ts';
import { errorBody } from './errors.ts';

/** Why a request goes no further. */
export interface Refused {
  readonly error: AppError;
  /** Where the table of codes has another one. */
  readonly status?: number;
  /** The value of `WWW-Authenticate`. */
  readonly challenge?: string;
}

/** Code of JSON-RPC for whoever must show a token first: the one that clients of the earlier system know. */
const UNAUTHORIZED = -32001;
const REFUSED = -32000;

/** Answers before the body is read, so the connection cannot be used again. */
export function refuse(
  response: ServerResponse,
  { error, status, challenge }: Refused,
  { isMcp }: { isMcp: boolean },
): void {
  const code = status ?? errorCodes[error.code].http;
  const { retry_after_seconds: seconds } = error.details;
  response.writeHead(code, {
    'content-type': 'application/json',
    connection: 'close',
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
    ...(typeof seconds === 'number' && { 'retry-after': String(Math.ceil(seconds)) }),
  });
  response.end(JSON.stringify(isMcp ? messageOf(error, code) : errorBody(error)));
}

function messageOf(error: AppError, status: number) {
  const { message } = error;
  // What every client knows needs no more words.
  if (status === 401) return { jsonrpc: '2.0', id: null, error: { code: UNAUTHORIZED, message } };
  return { jsonrpc: '2.0', error: { code: REFUSED, message, data: error.toShape() }, id: null };
}
