import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../errors/app-error.ts';
import { failureEnvelope } from './failure.ts';

test('what nobody foresaw is an unexpected error with a reference, and nothing of its inside', () => {
  const error = new AppError('INTERNAL_ERROR', 'at /srv/boxswain/hub.ts:1', { details: { reference: 'r-1' } });
  const { hint, ...details } = failureEnvelope(error).details;
  assert.deepEqual(
    { ...failureEnvelope(error), details },
    {
      success: false,
      error: 'Unexpected error',
      error_code: 'INTERNAL_ERROR',
      details: { reference: 'r-1', retryable: false },
    },
  );
  assert.notEqual(hint, '');
});
