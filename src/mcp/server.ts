import {
  type AuthInfo,
  type CallToolRequest,
  type CallToolResult,
  type ListToolsResult,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import type { Caller } from '../auth/caller.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import { invoke } from '../operations/invoke.ts';
import type { Connection, Operation } from '../operations/operation.ts';
import { requestIdHere } from '../telemetry/scope.ts';
import type { Catalogue } from './catalogue.ts';
import { CheckedServer } from './checked-server.ts';
import { instructions } from './instructions.ts';
import { progressReporter } from './progress.ts';
import { toErrorResult, toResult, visibleError } from './results.ts';
import { type ActiveCalls, linkedCall, type RunningCalls } from './running-calls.ts';
import { addTasks, createdTask, TASKS_EXTENSION, wantsTask } from './tasks.ts';

/** What all servers of a process share. */
export interface ServerParts {
  readonly hub: Hub;
  readonly log: Log;
  readonly version: string;
  readonly runningCalls: RunningCalls;
  readonly activeCalls: ActiveCalls;
  /** Adds to every server what is no operation; the conformance tests mount their fixtures here. */
  readonly extend?: (server: Server, tools: ToolHandlers) => void;
}

/** Whom one server answers. */
export interface ServerScope {
  readonly era: 'modern' | 'legacy';
  readonly surface: 'mcp' | 'stdio';
  readonly catalogue: Catalogue;
  readonly connection?: Connection;
  /** The caller of a request: a session may see several tokens of one caller. */
  callerOf(info: AuthInfo | undefined): Caller;
}

export interface ToolHandlers {
  list(context: ServerContext): ListToolsResult;
  call(request: CallToolRequest, context: ServerContext): Promise<CallToolResult>;
}

/** Runs an operation for an MCP request; throws AppError. */
export type RunOperation = (
  operation: Operation,
  args: Record<string, unknown>,
  context: ServerContext,
) => ReturnType<typeof invoke>;

const LIST_TTL_MS = 300_000;
/** Made once: each server would build its own, which costs more than the rest of a server. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();
const capabilities = { tools: {}, extensions: { [TASKS_EXTENSION]: {} } };
const cacheHints = {
  'tools/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' as const },
  'server/discover': { ttlMs: LIST_TTL_MS, cacheScope: 'private' as const },
};

/** A server of the SDK for one HTTP request, one session, or one stdio connection. */
export function createServer(parts: ServerParts, scope: ServerScope): Server {
  const server = new CheckedServer(
    { name: 'boxswain', title: 'Boxswain', version: parts.version },
    { instructions, capabilities, cacheHints, jsonSchemaValidator, log: parts.log },
  );
  server.onerror = error => parts.log.debug({ err: error }, 'MCP message could not be served');
  const run = runner(parts, scope);
  const tools: ToolHandlers = {
    list: context => scope.catalogue.listedFor(scope.callerOf(context.http?.authInfo)),
    call: (request, context) => callTool(request, { context, scope, run, log: parts.log }),
  };
  server.setRequestHandler('tools/list', (_request, context) => tools.list(context));
  server.setRequestHandler('tools/call', tools.call);
  if (scope.era === 'modern') addTasks(server, { catalogue: scope.catalogue, run, log: parts.log });
  parts.extend?.(server, tools);
  return server;
}

interface ToolCall {
  readonly context: ServerContext;
  readonly scope: ServerScope;
  readonly run: RunOperation;
  readonly log: Log;
}

async function callTool({ params }: CallToolRequest, { context, scope, run, log }: ToolCall): Promise<CallToolResult> {
  const operation = scope.catalogue.find(params.name);
  if (!operation) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
  try {
    const result = await run(operation, params.arguments ?? {}, context);
    const task = wantsTask(context) ? createdTask(operation, result.output) : undefined;
    return task ?? toResult(result);
  } catch (error) {
    return toErrorResult(visibleError(error, log), operation);
  }
}

/** A legacy request without a session is cancelled by a notification only, all others by their own signal. */
function runner({ hub, log, runningCalls, activeCalls }: ServerParts, scope: ServerScope): RunOperation {
  const { surface, connection } = scope;
  const isDetached = scope.era === 'legacy' && connection === undefined;
  return async (operation, args, context) => {
    const caller = scope.callerOf(context.http?.authInfo);
    const { id, signal } = context.mcpReq;
    const running = isDetached ? runningCalls.start(caller, id) : linkedCall(signal);
    const progress = progressReporter(context);
    activeCalls.begin();
    try {
      return await invoke(operation, args, {
        hub,
        caller,
        connection,
        signal: running.signal,
        requestId: requestIdHere(),
        wantsTask: scope.era === 'modern' && wantsTask(context),
        report: progress.report,
        surface,
        log,
      });
    } finally {
      progress.stop();
      running.end();
      activeCalls.end();
    }
  };
}
