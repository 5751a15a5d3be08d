import {
  type AuthInfo,
  createMcpHandler,
  isInitializeRequest,
  isJsonContentType,
  isLegacyRequest,
  type McpRequestContext,
  type Server,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { callerOf } from '../auth/auth-info.ts';
import type { Caller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import type { Connection, Operation } from '../operations/operation.ts';
import { jsonRpcError, parseBody } from './body.ts';
import { type Catalogue, createCatalogues } from './catalogue.ts';
import { answerCommand, commandIn } from './commands.ts';
import { type OtherHubs, otherHubs } from './other-hubs.ts';
import { pollMemory } from './poll-memory.ts';
import { answeredPlainly, wantsPlainAnswer } from './plain-answers.ts';
import { ActiveCalls, RunningCalls } from './running-calls.ts';
import { EVERYTHING, selectionOf } from './selection.ts';
import { createServer, type ServerParts } from './server.ts';
import { refusedForScope, type StepUp } from './step-up.ts';
import { Sessions } from './sessions.ts';

export interface McpOptions {
  readonly hub: Hub;
  /** The server's own selection; a request may narrow it, never widen it. */
  readonly operations: readonly Operation[];
  /** What `{command, args}` is answered with; absent: none. */
  readonly commands?: readonly Operation[];
  readonly log: Log;
  readonly version: string;
  /** Adds what is no operation to every server: fixtures of the conformance tests. */
  readonly extend?: ServerParts['extend'];
  /** Carries changes to `subscriptions/listen`; hubs that share one bus tell each other's subscribers. */
  readonly bus?: ServerEventBus;
  readonly sessions?: { readonly idleSeconds?: number; readonly maxSessions?: number; readonly maxPerCaller?: number };
}

/** MCP over Streamable HTTP, both eras at one address. The body must have been capped, and the caller admitted. */
export interface Mcp {
  /** `body` is the text of the request's body where it was read already; `stepUp`: how a caller is asked for more scopes. */
  fetch(request: Request, options: { authInfo?: AuthInfo; body?: string; stepUp?: StepUp }): Promise<Response>;
  readonly sessionCount: number;
  /** Resolves when no call runs and all are answered. */
  settled(): Promise<void>;
  /** Cancels what still runs, ends sessions and streams. */
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 15_000;

/** MCP over HTTP in both protocol eras, with sessions that every hub finds. */
export function createMcp(options: McpOptions): Mcp {
  const { hub, log, version, extend, commands = [] } = options;
  const catalogues = createCatalogues(options.operations);
  const polls = pollMemory(options);
  const runningCalls = new RunningCalls();
  const parts: ServerParts = { hub, log, version, extend, runningCalls, activeCalls: new ActiveCalls() };
  const others: OtherHubs = otherHubs(hub.peers, { sessions: () => sessions, runningCalls });
  /** The catalogue of a request that was let in by `refusedSelection`. */
  const catalogueFor = (request: Request | undefined): Catalogue => {
    const selection = request ? selectionOf(request, catalogues.toolsets) : EVERYTHING;
    return catalogues.of('unknown' in selection ? EVERYTHING : selection);
  };
  const handler = createMcpHandler(
    context => statelessServer(parts, { ...context, others, catalogue: catalogueFor(context.requestInfo) }),
    {
      bus: options.bus,
      keepAliveMs: KEEP_ALIVE_MS,
      onerror: error => log.debug({ err: error }, 'MCP request was refused'),
    },
  );
  const sessions: Sessions = new Sessions({
    records: hub.clientSessions,
    log,
    idleMs: (options.sessions?.idleSeconds ?? 1800) * 1000,
    maxSessions: options.sessions?.maxSessions ?? 10_000,
    maxPerCaller: options.sessions?.maxPerCaller ?? 1_000,
    serve: ({ request, caller }, connection) =>
      sessionServer(parts, { catalogue: catalogueFor(request), caller, connection }),
    tell: id => others.sessionEnded(id),
    begun: connection => polls.begun(connection),
    ended: async (connection, caller) => {
      await polls.ended(connection);
      await hub.workspaces
        .connectionClosed(connection, caller)
        .catch(error => log.warn({ err: error }, 'the workspace of an ended MCP session was not deleted'));
    },
  });
  const refusedSelection = (request: Request): Response | undefined => {
    const selection = selectionOf(request, catalogues.toolsets);
    if (!('unknown' in selection)) return undefined;
    return jsonRpcError(
      400,
      -32602,
      `Unknown toolset; the toolsets are: ${[...catalogues.toolsets].sort().join(', ')}`,
    );
  };

  return {
    async fetch(request, { authInfo, body: text, stepUp }) {
      if (!authInfo) return jsonRpcError(401, -32001, 'Unauthorized: Bearer token required');
      const refusal = refusedSelection(request);
      if (refusal) return refusal;
      const caller = callerOf(authInfo);
      const hasSession = request.headers.has('mcp-session-id') && !isModernByHeader(request);
      if (request.method !== 'POST') {
        return hasSession ? sessions.handle({ request, authInfo, caller }) : handler.fetch(request, { authInfo });
      }
      if (!isJsonContentType(request.headers.get('content-type'))) return handler.fetch(request, { authInfo });
      const body = parseBody(text ?? (await request.text()));
      if ('refusal' in body) return body.refusal;
      const parsedBody = body.value;
      const forbidden = refusedForScope(parsedBody, { catalogue: catalogueFor(request), caller, stepUp });
      if (forbidden) return forbidden;
      const command = commandIn(parsedBody);
      if (command) {
        const { signal } = request;
        return await answerCommand(command, { hub, log, operations: commands, caller, signal });
      }
      const serve = async (one: Request): Promise<Response> => {
        if ((hasSession || opensSession(parsedBody)) && (await isLegacyRequest(one, parsedBody))) {
          const inSession = { request: one, authInfo, caller, parsedBody };
          if (!hasSession) return sessions.open(inSession);
          others.passOn(one.headers.get('mcp-session-id') ?? '', { caller, message: parsedBody });
          return sessions.handle(inSession);
        }
        return handler.fetch(one, { authInfo, parsedBody });
      };
      return wantsPlainAnswer(request) ? answeredPlainly(request, serve) : serve(request);
    },
    get sessionCount() {
      return sessions.size;
    },
    async settled() {
      await parts.activeCalls.whenNone();
      // The answer of the last call is still on its way to its stream.
      await new Promise(setImmediate);
    },
    async close() {
      parts.runningCalls.cancelAll();
      await Promise.all([handler.close(), sessions.close()]);
    },
  };
}

/** The schema is asked only about what says that it is one: refusing any other message by it costs more than reading it. */
const opensSession = (body: unknown): boolean =>
  typeof body === 'object' &&
  body !== null &&
  'method' in body &&
  body.method === 'initialize' &&
  isInitializeRequest(body);

/** A server for one request: of the modern era, or of the legacy era without a session. */
function statelessServer(
  parts: ServerParts,
  context: McpRequestContext & { catalogue: Catalogue; others: OtherHubs },
): Server {
  const { era, catalogue, authInfo, others } = context;
  const server = createServer(parts, {
    era,
    surface: 'mcp',
    catalogue,
    callerOf: info => requiredCaller(info ?? authInfo),
  });
  if (era === 'legacy') {
    server.setNotificationHandler('notifications/cancelled', async ({ params }) => {
      if (params.requestId !== undefined) await others.cancelCall(requiredCaller(authInfo), params.requestId);
    });
  }
  return server;
}

function sessionServer(
  parts: ServerParts,
  { catalogue, caller, connection }: { catalogue: Catalogue; caller: Caller; connection: Connection },
): Server {
  return createServer(parts, {
    era: 'legacy',
    surface: 'mcp',
    catalogue,
    connection,
    callerOf: info => (info ? callerOf(info) : caller),
  });
}

function requiredCaller(info: AuthInfo | undefined): Caller {
  if (!info) throw new Error('an MCP request reached a server without a caller');
  return callerOf(info);
}

/** The modern era has no sessions: there the header is ignored. */
const isModernByHeader = (request: Request): boolean => {
  const version = request.headers.get('mcp-protocol-version');
  return version !== null && version >= '2026';
};
