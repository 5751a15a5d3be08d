import type { AppError } from '../../errors/app-error.ts';
import type { Failure } from '../operation.ts';

/** A failure as clients of the earlier server know it: `{status: "error", error, details, …}`. `command` names what was asked for. */
export const failureOf =
  (command: string): Failure =>
  error => {
    const { message, details } = described(error, command);
    return {
      status: 'error',
      error: message,
      details,
      code: error.code,
      hint: error.hint,
      retryable: error.retryable,
    };
  };

function described({ code, message, details }: AppError, command: string): { message: string; details: unknown } {
  if (code === 'INTERNAL_ERROR') return { message: 'Unexpected error', details };
  if (code === 'VALIDATION_ERROR' && details.fields === undefined) return invalid(message, command);
  const { explanation, ...rest } = details;
  const isPlain = typeof explanation === 'string' && Object.keys(rest).length === 0;
  return { message, details: isPlain ? explanation : details };
}

function invalid(message: string, command: string): { message: string; details: string } {
  const missing = /^required argument "(.+)" not found$/.exec(message)?.[1];
  if (missing !== undefined) {
    const details = `Argument '${missing}' is required for command '${command}'.`;
    return { message: `Missing required argument: ${missing}`, details };
  }
  const action = /^argument "action" is unknown: (.*)$/s.exec(message)?.[1];
  if (action !== undefined) {
    const details = `Command '${command}': argument 'action' must be get or set.`;
    return { message: `Unknown action: ${action}`, details };
  }
  const isTold = /^(Missing required argument|Invalid request): /.test(message);
  return { message: isTold ? message : `Invalid request: ${message}`, details: `Command '${command}': ${message}` };
}
