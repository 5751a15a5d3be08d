import { type CallToolResult, MissingRequiredClientCapabilityError, ProtocolError } from '@modelcontextprotocol/server';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../log/log.ts';
import type { Operation, OperationResult } from '../operations/operation.ts';
import { requestIdHere } from '../telemetry/scope.ts';

/** Where the whole error is, for clients that read more than text. */
const ERROR_META_KEY = 'boxswain/error';

/** An operation's result as that of a tool: the output as structured content, and its texts. */
export function toResult({ output, text }: OperationResult): CallToolResult {
  return { content: text.map(block => ({ type: 'text', text: block })), structuredContent: output };
}

/**
 * What the model is told of a failure. There is structured content only where the operation has a form for it: it would have to fit
 * the output schema.
 */
export function toErrorResult(error: AppError, operation?: Pick<Operation, 'failure'>): CallToolResult {
  const shape = error.toShape();
  const structuredContent = operation?.failure?.(error);
  if (structuredContent !== undefined) {
    const text = JSON.stringify(structuredContent);
    return {
      isError: true,
      content: [{ type: 'text', text }],
      structuredContent,
      _meta: { [ERROR_META_KEY]: shape },
    };
  }
  return {
    isError: true,
    content: [{ type: 'text', text: `${shape.code}: ${shape.message}\nHint: ${shape.hint}` }],
    _meta: { [ERROR_META_KEY]: shape },
  };
}

/**
 * The failure that a caller may see. Rethrows what is part of the protocol; everything else that is thrown would reach the
 * client with its message, so it is logged under a reference id and only the id is shown.
 */
export function visibleError(error: unknown, log: Log): AppError {
  if (error instanceof ProtocolError || error instanceof MissingRequiredClientCapabilityError) throw error;
  if (error instanceof AppError) return error;
  const reference = requestIdHere();
  log.error({ err: error, reference }, 'a call failed');
  return new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } });
}
