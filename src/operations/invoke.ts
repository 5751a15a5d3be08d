import { asReader, type Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { unavailable } from '../errors/unavailable.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import type { JsonObject } from '../store/rows.ts';
import { type CallMeter, createCallMeter } from '../telemetry/metrics.ts';
import { currentScope, inScope } from '../telemetry/scope.ts';
import { traced } from '../telemetry/tracing.ts';
import type { Connection, Operation, OperationContext, OperationResult, Progress, Turn } from './operation.ts';
import { requireMayChange, requireScope } from './scopes.ts';

/** One call of an operation, as the surface that received it describes it. */
export interface InvokeCall {
  readonly hub: Hub;
  readonly caller: Caller;
  readonly connection?: Connection;
  /** Aborted when the caller goes away or cancels. */
  readonly signal: AbortSignal;
  /** That of the surface: in log lines, in the audit record, and the reference of an error that nobody foresaw. */
  readonly requestId: string;
  /** The client asked for a task handle at once (Tasks extension of MCP). */
  readonly wantsTask: boolean;
  readonly report: (progress: Progress) => void;
  readonly surface: 'mcp' | 'http' | 'cli' | 'stdio';
  /** Hears of what nobody foresaw, with its stack; the caller gets a reference id only. */
  readonly log: Log;
}

/**
 * The only way to run an operation: takes its place in line, checks the scope, validates, runs, audits, meters. The place is
 * taken before the first await, so calls run in the order in which a surface makes them. Throws AppError and nothing else.
 * Nothing is changed while audit records cannot be written. The record of work inside a workspace is on its way when the
 * answer is, and durable a moment later; that of any other change is durable before it is answered.
 */
export function invoke(
  operation: Operation,
  args: Record<string, unknown>,
  call: InvokeCall,
): Promise<OperationResult> {
  const { requestId } = call;
  const work = () => traced(operation.name, () => perform(operation, args, call), MAY_BEGIN);
  return currentScope()?.requestId === requestId ? work() : inScope({ requestId }, work);
}

/** A call over stdio or from the command line begins its trace here. */
const MAY_BEGIN = { mayBegin: true } as const;

async function perform(
  operation: Operation,
  args: Record<string, unknown>,
  call: InvokeCall,
): Promise<OperationResult> {
  const turn = operation.ordered ? takeTurn(args, call) : NO_TURN;
  const startedAt = performance.now();
  let input = args;
  let result: OperationResult | undefined;
  let failure: AppError | undefined;
  let leave: (() => void) | undefined;
  try {
    leave = call.hub.limits.enter(call.caller);
    requireScope(operation.scope, call.caller);
    requireMayChange(operation, call.caller);
    if (!operation.hints.readOnly) call.hub.audit.admit();
    const prepared = operation.prepare(args);
    input = prepared.input;
    result = await prepared.run(contextOf(call, { operation, turn }));
  } catch (error) {
    failure = asAppError(error, { operation, call });
  } finally {
    turn.done();
    leave?.();
  }
  const durationMs = performance.now() - startedAt;
  const outcome = failure?.code ?? 'ok';
  meterOf(operation).count(outcome, durationMs);
  // A flood that is kept out is counted, and fills no records.
  if (failure !== undefined && leave === undefined) throw failure;
  call.log.debug({ operation: operation.name, outcome, durationMs }, 'call answered');
  const entry = {
    caller: call.caller.id,
    operation: operation.name,
    handles: handlesOf(input, result?.output),
    outcome,
    durationMs: Math.round(durationMs * 1000) / 1000,
    details: {
      surface: call.surface,
      request_id: call.requestId,
      ...(call.caller.credential !== undefined && { credential: call.caller.credential }),
    },
  };
  if (operation.hints.readOnly || operation.ordered) {
    call.hub.audit.note(entry);
  } else {
    await call.hub.audit.record(entry).catch(error => {
      throw asAppError(error, { operation, call });
    });
  }
  if (result === undefined) throw failure ?? new AppError('INTERNAL_ERROR', 'the operation gave no result');
  return result;
}

/** The place of a call that waits for nobody. */
const NO_TURN: Turn = { reached: () => undefined, done: () => {} };

/** Lines belong to a caller, so that naming a foreign workspace holds nobody up. */
function takeTurn(args: Record<string, unknown>, { hub, caller, connection }: InvokeCall): Turn {
  const place = typeof args.workspace_id === 'string' ? args.workspace_id : connection?.id;
  return place === undefined ? NO_TURN : hub.lanes.take(`${caller.id} ${place}`);
}

/** An operation that changes nothing acts for a reader: what is shared for reading is enough for it. */
function contextOf(call: InvokeCall, { operation, turn }: { operation: Operation; turn: Turn }): OperationContext {
  return {
    hub: call.hub,
    caller: operation.hints.readOnly ? asReader(call.caller) : call.caller,
    connection: call.connection,
    signal: call.signal,
    requestId: call.requestId,
    wantsTask: call.wantsTask,
    report: call.report,
    turn,
  };
}

const meters = new WeakMap<Operation, CallMeter>();

function meterOf(operation: Operation): CallMeter {
  const known = meters.get(operation);
  if (known !== undefined) return known;
  const meter = createCallMeter(operation.name);
  meters.set(operation, meter);
  return meter;
}

const HANDLES = ['workspace_id', 'task_id', 'artifact_id', 'checkpoint_id'] as const;
/** Handles have this form; an artifact may also be named by a path, which is the caller's own text and stays out. */
const HANDLE = /^[a-zA-Z0-9_-]{1,64}$/;

/** Handles of the arguments, and those that the call brought forth. No other argument is ever recorded. */
function handlesOf(input: Record<string, unknown>, output: Record<string, unknown> | undefined): JsonObject {
  const handles: JsonObject = {};
  for (const name of HANDLES) {
    const handle = output?.[name] ?? input[name];
    if (typeof handle === 'string' && HANDLE.test(handle)) handles[name] = handle;
  }
  return handles;
}

function asAppError(error: unknown, { operation, call }: { operation: Operation; call: InvokeCall }): AppError {
  if (error instanceof AppError) return error;
  if (call.signal.aborted && (error === call.signal.reason || isAbort(error))) {
    return new AppError('TASK_CANCELLED', `the call of ${operation.name} was cancelled`);
  }
  const passing = unavailable(error);
  if (passing) {
    call.log.warn({ err: error, operation: operation.name }, 'a service that the hub needs was away');
    return passing;
  }
  const reference = call.requestId;
  call.log.error({ err: error, reference, operation: operation.name }, 'operation failed');
  return new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } });
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
