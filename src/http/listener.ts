import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { type AdmissionPolicy, admit, type Refusal, refusedNames, type RequestFacts } from '../auth/admission.ts';
import type { Caller } from '../auth/caller.ts';
import { BLOBS_PATH } from '../blobs/wire.ts';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { inScope } from '../telemetry/scope.ts';
import { allowOrigin } from './cross-origin.ts';
import { errorBody } from './errors.ts';
import { createMcpHandler, type McpEndpoint } from './mcp-handler.ts';
import { openRequest } from './request-scope.ts';
import type { Api } from './routes/context.ts';
import { HOOKS_PATH } from './routes/hooks.ts';

export interface ListenerParts {
  readonly mcp: McpEndpoint;
  readonly api: Api;
  /** Contents for workers, who show a credential of their own. */
  readonly blobRoutes?: Hono;
  /** What hooks of terminals tell, who show a token of their own. */
  readonly hookRoutes: Hono;
  /** How long the body of any other request may take; undefined: the server sees to it. */
  readonly bodyTimeoutMs?: number;
  readonly log: Log;
  readonly maxBodyBytes: number;
  readonly transport: RequestFacts['transport'];
  /** Read at each request: the port is known only when the server listens. */
  readonly policy: () => AdmissionPolicy;
}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const MCP_PATH = /^\/mcp(?:\/x\/[^/]+)?$/;

/** The way of every request: admitted or refused, then to MCP directly or to the routes. */
export function createListener(parts: ListenerParts): Listener {
  const { mcp, api, blobRoutes, hookRoutes, bodyTimeoutMs, log, maxBodyBytes, transport, policy } = parts;
  const mcpHandler = createMcpHandler({ mcp, log, maxBodyBytes });
  const callers = new WeakMap<object, Caller>();
  const apiHandler = getRequestListener(
    (request, { incoming }) => {
      const caller = callers.get(incoming);
      if (!caller) throw new Error('a request reached the routes without a caller');
      return api.fetch(request, { caller });
    },
    { overrideGlobalObjects: false },
  );
  const blobHandler = blobRoutes && getRequestListener(blobRoutes.fetch, { overrideGlobalObjects: false });
  const hookHandler = getRequestListener(hookRoutes.fetch, { overrideGlobalObjects: false });
  return (request, response) => {
    const path = pathOf(request);
    const isMcp = path !== undefined && MCP_PATH.test(path);
    if (path === undefined) return refuse(response, { refusal: BAD_TARGET, status: 400, isMcp });
    if (blobHandler && path.startsWith(BLOBS_PATH)) return void blobHandler(request, response);
    if (bodyTimeoutMs !== undefined) cutSlowBody(request, bodyTimeoutMs);
    const { headers, socket } = request;
    const facts = { transport, peer: socket.remoteAddress, headers, hasSeveralHosts: hasSeveralHosts(request) };
    if (path === HOOKS_PATH) {
      const refusal = refusedNames(facts, policy());
      if (refusal) return refuse(response, { refusal, status: refusal.status, isMcp });
      return inScope(openRequest(request, response, path), () => void hookHandler(request, response));
    }
    const foreign = refusedNames(facts, policy());
    if (foreign === undefined && allowOrigin(request, response, path)) return;
    const admission = admit(facts, policy());
    if ('refusal' in admission) {
      return refuse(response, { refusal: admission.refusal, status: admission.refusal.status, isMcp });
    }
    inScope(openRequest(request, response, path), () => {
      if (isMcp) return mcpHandler(request, response, admission.caller);
      callers.set(request, admission.caller);
      void apiHandler(request, response);
    });
  };
}

/** What the server does by itself where no route takes long uploads. */
function cutSlowBody(request: IncomingMessage, timeoutMs: number): void {
  const timer = setTimeout(() => request.socket.destroy(), timeoutMs);
  for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
}

const BAD_TARGET = {
  code: 'VALIDATION_ERROR',
  message: 'the request target must be a path',
  hint: 'this is not a proxy',
} as const;

/** Only the origin form `/path?query`: the absolute form names a host that is not the one that was checked. */
function pathOf({ url = '' }: IncomingMessage): string | undefined {
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

/** Node keeps the first of several Host headers and says nothing. */
function hasSeveralHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

interface Refused {
  readonly refusal: Omit<Refusal, 'status' | 'code'> & { readonly code: Refusal['code'] | 'VALIDATION_ERROR' };
  readonly status: number;
  readonly isMcp: boolean;
}

/** Answers before the body is read, so the connection cannot be used again. */
function refuse(response: ServerResponse, { refusal, status, isMcp }: Refused): void {
  const error = new AppError(refusal.code, refusal.message, { hint: refusal.hint });
  const data = error.toShape();
  const body = isMcp
    ? { jsonrpc: '2.0', error: { code: -32000, message: refusal.message, data }, id: null }
    : errorBody(error);
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="boxswain"' } : {};
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...challenge });
  response.end(JSON.stringify(body));
}
