import { Hono } from 'hono';
import { AppError } from '../../errors/app-error.ts';
import type { Hub } from '../../hub/hub.ts';
import type { Log } from '../../log/log.ts';
import { errorResponse, responseOf } from '../errors.ts';
import { readArguments } from '../request.ts';

export const HOOKS_PATH = '/api/hooks/claude';
const MAX_BYTES = 1_048_576;

export interface HookRoutesOptions {
  readonly hub: Pick<Hub, 'sessions'>;
  readonly log: Log;
  /** Aborted when the server closes: replies that are held are given. */
  readonly closing: AbortSignal;
}

/**
 * `POST /api/hooks/claude`: where HTTP hooks of Claude Code in terminals come, each with the token of the caller it speaks for. A
 * request for leave is answered once somebody has decided; all others are answered at once.
 */
export function createHookRoutes({ hub, log, closing }: HookRoutesOptions): Hono {
  const routes = new Hono();
  routes.onError(error => responseOf(error, { log }));
  routes.post(HOOKS_PATH, async context => {
    const { terminals } = hub.sessions;
    const [, token = ''] = /^Bearer ([^\s]{1,256})$/i.exec(context.req.header('authorization') ?? '') ?? [];
    const caller = await terminals.callerOf(token);
    if (caller === undefined) return unauthorized();
    const body = await readArguments(context.req.raw, MAX_BYTES);
    return context.json(await terminals.hear(body, caller, { gone: context.req.raw.signal, closing }));
  });
  routes.all(HOOKS_PATH, () => {
    const error = new AppError('VALIDATION_ERROR', 'hooks are posted', { hint: 'allowed here: POST' });
    const response = errorResponse(error, 405);
    response.headers.set('allow', 'POST');
    return response;
  });
  return routes;
}

function unauthorized(): Response {
  const error = new AppError('UNAUTHORIZED', 'Unauthorized: hook token required', {
    hint: 'boxswain sessions hooks install makes one and tells Claude Code of it',
  });
  const response = errorResponse(error);
  response.headers.set('www-authenticate', 'Bearer realm="boxswain"');
  return response;
}
