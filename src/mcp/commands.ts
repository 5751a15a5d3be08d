import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { errorCodes } from '../errors/codes.ts';
import type { Hub } from '../hub/hub.ts';
import type { Log } from '../log/log.ts';
import { failureOf } from '../operations/codegen/envelope.ts';
import { invoke } from '../operations/invoke.ts';
import type { Failure, Operation } from '../operations/operation.ts';
import { requestIdHere } from '../telemetry/scope.ts';

/** The words of the earlier server for Codegen. */
const COMMANDS = ['new', 'resume', 'task_status', 'list', 'logs', 'config'] as const;

const commandSchema = z.looseObject({ command: z.unknown().optional(), args: z.unknown().optional() });
const argsSchema = z.record(z.string(), z.unknown());

export type CommandBody = z.output<typeof commandSchema>;

/** A message that is a command, and no JSON-RPC: `{command, args}`. */
export function commandIn(body: unknown): CommandBody | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  return 'command' in body && !('jsonrpc' in body) ? commandSchema.parse(body) : undefined;
}

interface CommandCall {
  readonly hub: Hub;
  readonly log: Log;
  /** That are served; each is found by its first alias. */
  readonly operations: readonly Operation[];
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** Runs a command; the status is that of its error, if it has one. */
export async function answerCommand({ command, args = {} }: CommandBody, call: CommandCall): Promise<Response> {
  const name = typeof command === 'string' ? command : JSON.stringify(command);
  const operation = COMMANDS.some(known => known === name)
    ? call.operations.find(({ aliases }) => aliases[0] === name)
    : undefined;
  if (operation === undefined) return failed(unknownCommand(name.slice(0, 64)), failureOf(name));
  const { hub, log, caller, signal } = call;
  const failure = operation.failure ?? failureOf(name);
  const given = argsSchema.safeParse(args);
  if (!given.success) return failed(new AppError('VALIDATION_ERROR', 'args must be an object'), failure);
  try {
    const { output } = await invoke(operation, given.data, {
      ...{ hub, log, caller, signal },
      requestId: requestIdHere(),
      wantsTask: false,
      report: () => {},
      surface: 'http',
    });
    return Response.json(output, { headers: { 'x-content-type-options': 'nosniff' } });
  } catch (error) {
    if (error instanceof AppError) return failed(error, failure);
    throw error;
  }
}

function failed(error: AppError, failure: Failure): Response {
  const headers = new Headers({ 'x-content-type-options': 'nosniff' });
  const { retry_after_seconds: seconds } = error.details;
  if (typeof seconds === 'number') headers.set('retry-after', String(Math.ceil(seconds)));
  return Response.json(failure(error), { status: errorCodes[error.code].http, headers });
}

function unknownCommand(name: string): AppError {
  const explanation = `Command '${name}' is not supported. Supported commands: ${COMMANDS.join(', ')}.`;
  return new AppError('UNKNOWN_COMMAND', 'Unknown command', { details: { explanation } });
}
