import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { type AdmissionPolicy, refusedNames, type RequestFacts } from '../auth/admission.ts';
import { asReader, type Caller } from '../auth/caller.ts';
import type { AuthServer } from '../auth/server/auth-server.ts';
import { BLOBS_PATH } from '../blobs/wire.ts';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import { inScope } from '../telemetry/scope.ts';
import { allowOrigin } from './cross-origin.ts';
import { answerDiscovery } from './discovery.ts';
import type { StepUp } from './errors.ts';
import { type Entry, type Guard, hasSeveral } from './guard.ts';
import { createMcpHandler, type McpEndpoint } from './mcp-handler.ts';
import type { OpenAnswers } from './open-answers.ts';
import { OPERATIONS_PATH, type OperationHandler } from './operation-handler.ts';
import { refuse } from './refusals.ts';
import { openRequest } from './request-scope.ts';
import type { Api } from './routes/context.ts';
import { HOOKS_PATH } from './routes/hooks.ts';

export interface ListenerParts {
  readonly mcp: McpEndpoint;
  readonly api: Api;
  readonly callOperation: OperationHandler;
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
  readonly guard: Guard;
  /** Nothing is changed, whoever asks. */
  readonly isReadOnly?: boolean;
  /** Answers to callers with tokens; undefined where there are none. */
  readonly open?: OpenAnswers;
  /** Asks its visitors itself who they are. */
  readonly authServer?: Pick<AuthServer, 'owns' | 'handle'>;
}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const MCP_PATH = /^\/mcp(?:\/x\/[^/]+)?$/;

/** The way of every request: admitted or refused, then to MCP or to an operation directly, or to the routes. */
export function createListener(parts: ListenerParts): Listener {
  const { mcp, api, blobRoutes, hookRoutes, bodyTimeoutMs, log, maxBodyBytes, transport, policy, guard, open } = parts;
  const { callOperation, isReadOnly = false, authServer } = parts;
  const mcpHandler = createMcpHandler({ mcp, log, maxBodyBytes });
  const callers = new WeakMap<object, Caller>();
  const apiHandler = getRequestListener(
    async (request, { incoming, outgoing }) => {
      const caller = callers.get(incoming);
      if (!caller) throw new Error('a request reached the routes without a caller');
      const stepUp: StepUp = scopes => guard.stepUp(incoming, scopes);
      return await api.fetch(request, { caller, stepUp, outgoing });
    },
    { overrideGlobalObjects: false },
  );
  const blobHandler = blobRoutes && getRequestListener(blobRoutes.fetch, { overrideGlobalObjects: false });
  const hookHandler = getRequestListener(hookRoutes.fetch, { overrideGlobalObjects: false });
  const serve = (request: IncomingMessage, response: ServerResponse, { path, entry }: Served) => {
    const isMcp = MCP_PATH.test(path);
    if ('refused' in entry) return refuse(response, entry.refused, { isMcp });
    const { token } = entry;
    const caller = isReadOnly || asksForNoChange(request) ? asReader(entry.caller) : entry.caller;
    if (token !== undefined) open?.add(request, response, token);
    inScope(openRequest(request, response, path), () => {
      const stepUp: StepUp = scopes => guard.stepUp(request, scopes);
      if (isMcp) return mcpHandler(request, response, { caller, stepUp, hasNoEnd: () => open?.markStream(response) });
      if (path.startsWith(OPERATIONS_PATH)) return void callOperation(request, response, { path, caller, stepUp });
      callers.set(request, caller);
      void apiHandler(request, response);
    });
  };
  return (request, response) => {
    const path = pathOf(request);
    if (path === undefined) return refuse(response, { error: BAD_TARGET, status: 400 }, { isMcp: false });
    const isMcp = MCP_PATH.test(path);
    if (blobHandler && path.startsWith(BLOBS_PATH)) return void blobHandler(request, response);
    if (bodyTimeoutMs !== undefined) cutSlowBody(request, bodyTimeoutMs);
    const { headers, socket } = request;
    const facts = { transport, peer: socket.remoteAddress, headers, hasSeveralHosts: hasSeveral(request, 'host') };
    const foreign = refusedNames(facts, policy());
    if (foreign) {
      const error = new AppError(foreign.code, foreign.message, { hint: foreign.hint });
      return refuse(response, { error, status: foreign.status }, { isMcp });
    }
    if (path === HOOKS_PATH) {
      return inScope(openRequest(request, response, path), () => void hookHandler(request, response));
    }
    if (authServer?.owns(path)) {
      return inScope(openRequest(request, response, path), () => authServer.handle(request, response));
    }
    if (allowOrigin(request, response, path) || answerDiscovery(request, response, { guard, path })) return;
    const entry = guard.enter(request, facts, policy());
    if (!(entry instanceof Promise)) return serve(request, response, { path, entry });
    void entry.then(settled => {
      // Nobody waits for the answer any more.
      if (!socket.destroyed) serve(request, response, { path, entry: settled });
    });
  };
}

const TRUE = /^(?:true|1|yes|on)$/i;

/** `X-MCP-Readonly`, of a request in whatever form. */
function asksForNoChange({ headers }: IncomingMessage): boolean {
  const value = headers['x-mcp-readonly'];
  return typeof value === 'string' && TRUE.test(value.trim());
}

interface Served {
  readonly path: string;
  readonly entry: Entry;
}

/** What the server does by itself where no route takes long uploads. */
function cutSlowBody(request: IncomingMessage, timeoutMs: number): void {
  const timer = setTimeout(() => request.socket.destroy(), timeoutMs);
  for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
}

const BAD_TARGET = new AppError('VALIDATION_ERROR', 'the request target must be a path', {
  hint: 'this is not a proxy',
});

/** Only the origin form `/path?query`: the absolute form names a host that is not the one that was checked. */
function pathOf({ url = '' }: IncomingMessage): string | undefined {
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
