import {
  CLIENT_CAPABILITIES_META_KEY,
  type CallToolResult,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { AppError } from '../errors/app-error.ts';
import { errorCodes } from '../errors/codes.ts';
import type { Log } from '../log/log.ts';
import type { Operation, OperationResult } from '../operations/operation.ts';
import { isPending } from '../operations/sandbox/run-job.ts';
import type { Catalogue } from './catalogue.ts';
import { toErrorResult, toResult, visibleError } from './results.ts';
import type { RunOperation } from './server.ts';

/** The Tasks extension of MCP 2026-07-28. The SDK has no server side of it; all of ours is in this module. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

const TASK_TTL_MS = 604_800_000;
const POLL_INTERVAL_MS = 1_000;

/** Whether the client said in this very request that it understands a task as an answer. */
export function wantsTask({ mcpReq }: ServerContext): boolean {
  const capabilities = property(mcpReq.envelope, CLIENT_CAPABILITIES_META_KEY);
  return property(property(capabilities, 'extensions'), TASKS_EXTENSION) !== undefined;
}

const property = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

/**
 * The task that takes the place of a pending answer; undefined when the operation has ended. The task tools, which are
 * listed always, start no work: their own `status` tells of another task.
 */
export function createdTask(operation: Operation, output: OperationResult['output']): CallToolResult | undefined {
  if (operation.always || !isPending(output) || typeof output.task_id !== 'string') return undefined;
  const now = new Date().toISOString();
  return {
    resultType: 'task',
    taskId: output.task_id,
    status: 'working',
    createdAt: now,
    lastUpdatedAt: now,
    ttlMs: TASK_TTL_MS,
    pollIntervalMs: POLL_INTERVAL_MS,
    content: [],
  };
}

interface TaskParts {
  readonly catalogue: Catalogue;
  readonly run: RunOperation;
  readonly log: Log;
}

const taskParams = z.looseObject({ taskId: z.string().min(1).max(128) });
const schemas = { params: taskParams, result: z.looseObject({}) };

const statusSchema = z.looseObject({
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled', 'interrupted']),
  message: z.string(),
  created_at: z.string(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
});
type TaskState = z.output<typeof statusSchema>;

/** `tasks/get`, `tasks/update` and `tasks/cancel`, answered by the operations that do the same. */
export function addTasks(server: Server, parts: TaskParts): void {
  const { catalogue, run, log } = parts;
  const ask = async (name: string, taskId: string, context: ServerContext): Promise<OperationResult> => {
    const operation = catalogue.find(name);
    if (!operation) throw new ProtocolError(ProtocolErrorCode.MethodNotFound, 'Method not found');
    return run(operation, { task_id: taskId }, context);
  };
  const stateOf = async (taskId: string, context: ServerContext): Promise<TaskState> => {
    requireExtension(context);
    try {
      return statusSchema.parse((await ask('task_get_status', taskId, context)).output);
    } catch (error) {
      throw asProtocolError(visibleError(error, log));
    }
  };
  server.setRequestHandler('tasks/get', schemas, async ({ taskId }, context) => {
    const state = await stateOf(taskId, context);
    return {
      resultType: 'complete',
      ...described(taskId, state),
      ...(await endOf(state, () => ask('task_get_result', taskId, context), log)),
    };
  });
  server.setRequestHandler('tasks/update', schemas, async ({ taskId }, context) => {
    await stateOf(taskId, context);
    return { resultType: 'complete' };
  });
  server.setRequestHandler('tasks/cancel', schemas, async ({ taskId }, context) => {
    await stateOf(taskId, context);
    await ask('task_cancel', taskId, context).catch(error => {
      throw asProtocolError(visibleError(error, log));
    });
    return { resultType: 'complete' };
  });
}

function described(taskId: string, state: TaskState) {
  return {
    taskId,
    statusMessage: state.message,
    createdAt: state.created_at,
    lastUpdatedAt: state.completed_at ?? state.started_at ?? state.created_at,
    ttlMs: TASK_TTL_MS,
    pollIntervalMs: POLL_INTERVAL_MS,
  };
}

/** The extension's status, with the result or error of a task that has ended. */
async function endOf({ status, message }: TaskState, result: () => Promise<OperationResult>, log: Log) {
  if (status === 'queued' || status === 'running') return { status: 'working' };
  if (status === 'cancelled') return { status: 'cancelled' };
  if (status === 'interrupted') return { status: 'failed', error: { code: ProtocolErrorCode.InternalError, message } };
  try {
    return { status: 'completed', result: asToolResult(await result()) };
  } catch (error) {
    const failure = visibleError(error, log);
    // What the model can mend is an answer to it; the rest is a failure of the task.
    if (errorCodes[failure.code].http < 500) return { status: 'completed', result: toErrorResult(failure) };
    const { code, message, data } = asProtocolError(failure);
    return { status: 'failed', error: { code, message, data } };
  }
}

/** The answer that the call itself would have given. */
function asToolResult({ output, text }: OperationResult): CallToolResult & { resultType: 'complete' } {
  const inner = z.looseObject({ result: z.record(z.string(), z.unknown()) }).safeParse(output);
  return { resultType: 'complete', ...toResult({ output: inner.success ? inner.data.result : output, text }) };
}

function requireExtension(context: ServerContext): void {
  if (wantsTask(context)) return;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } });
}

function asProtocolError(error: AppError): ProtocolError {
  const code = errorCodes[error.code].http < 500 ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
  return new ProtocolError(code, error.message, { ...error.toShape() });
}
