import { type ErrorCode, errorCodes, isErrorCode } from './codes.ts';

export type ErrorDetails = Record<string, unknown>;

/** The shape of an error on every wire: MCP `_meta["boxswain/error"]`, HTTP bodies, fabric replies, stored tasks. */
export interface ErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
}

export interface AppErrorOptions {
  hint?: string;
  details?: ErrorDetails;
  cause?: unknown;
}

/** A failure that a caller may see. The message, hint and details never hold host paths, stack traces or secrets. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorCodes[code].hint;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  toShape(): ErrorShape {
    const { code, message, hint, retryable, details } = this;
    return { code, message, hint, retryable, details };
  }

  static fromShape(shape: { code: string; message: string; hint?: string; details?: ErrorDetails }): AppError {
    const code = isErrorCode(shape.code) ? shape.code : 'INTERNAL_ERROR';
    return new AppError(code, shape.message, { hint: shape.hint, details: shape.details });
  }
}
