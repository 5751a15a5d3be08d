import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { invoke } from '../operations/invoke.ts';
import { requestIdHere } from '../telemetry/scope.ts';
import { isCutOff, readBody } from './body.ts';
import { type Failure, failureFor, failureOf, type StepUp } from './errors.ts';
import { argumentsOf, bodyTooLarge } from './request.ts';
import type { ApiParts } from './routes/context.ts';
import { finderOf, statusOf } from './routes/operations.ts';

/** What follows is the name of an operation. */
export const OPERATIONS_PATH = '/api/operations/';

/** A request to `OPERATIONS_PATH` that was admitted. */
interface Asked {
  readonly path: string;
  readonly caller: Caller;
  readonly stepUp: StepUp;
}

export type OperationHandler = (request: IncomingMessage, response: ServerResponse, asked: Asked) => Promise<void>;
type Parts = Pick<ApiParts, 'hub' | 'log' | 'operations' | 'maxBodyBytes'>;

/**
 * Every operation under its name, from Node's request to Node's response: a router, a request and a response of the web between them
 * take longer than a small call. It is cancelled when the client goes away. Never rejects.
 */
export function createOperationHandler({ hub, log, operations, maxBodyBytes }: Parts): OperationHandler {
  const find = finderOf({ operations });
  const call = async (request: IncomingMessage, { path, caller }: Asked, signal: AbortSignal) => {
    const operation = find(nameIn(path));
    const text = await readBody(request, maxBodyBytes);
    if (text === undefined) throw bodyTooLarge(maxBodyBytes);
    const args = argumentsOf(text, request.headers['content-type'] ?? null);
    const surface = { hub, caller, signal, requestId: requestIdHere(), surface: 'http', log } as const;
    const { output } = await invoke(operation, args, { ...surface, wantsTask: false, report: () => {} });
    return { status: statusOf(operation, output), headers: {}, body: output };
  };
  return async (request, response, asked) => {
    if (request.method !== 'POST') return answer(response, notAllowed(request.method));
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client went away'));
    });
    try {
      answer(response, await call(request, asked, gone.signal));
    } catch (error) {
      // Nobody is there to be answered, and nothing here is at fault.
      if (isCutOff(request)) return log.debug({ err: error }, 'a call of an operation broke off');
      answer(response, failureFor(error, { log, caller: asked.caller, stepUp: asked.stepUp }));
    }
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

function answer(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = JSON.stringify(body);
  const about = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...about, ...headers }).end(text);
}

/** As it came, where it is no encoded text: then it is the name of nothing. */
function nameIn(path: string): string {
  const name = path.slice(OPERATIONS_PATH.length);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function notAllowed(method = ''): Failure {
  const error = new AppError('VALIDATION_ERROR', `${method} is not allowed here`, { hint: 'allowed here: POST' });
  const { headers, ...failure } = failureOf(error, 405);
  return { ...failure, headers: { ...headers, allow: 'POST' } };
}
