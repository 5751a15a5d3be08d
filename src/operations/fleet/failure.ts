import { AppError } from '../../errors/app-error.ts';

/** Failures in the form that the earlier system had, of which clients read `error_code`. */
export const failureEnvelope = (error: AppError) => {
  const { code, message, hint, retryable, details } = error.toShape();
  return {
    success: false,
    error: code === 'INTERNAL_ERROR' ? 'Unexpected error' : message,
    error_code: code,
    details: { ...details, hint, retryable },
  };
};

export const badFleetField = (field: string, message: string): AppError =>
  new AppError('VALIDATION_ERROR', message, { details: { field } });
