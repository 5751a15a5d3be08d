import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from './retry-after.ts';

const now = () => Date.parse('2026-01-02T03:04:05Z');

test('seconds and dates are read as milliseconds from now', () => {
  assert.equal(retryAfterMs('2', { now }), 2000);
  assert.equal(retryAfterMs(' 0 ', { now }), 0);
  assert.equal(retryAfterMs('Fri, 02 Jan 2026 03:04:35 GMT', { now }), 30_000);
});

test('a date that is over asks for no wait', () => {
  assert.equal(retryAfterMs('Fri, 02 Jan 2026 03:00:00 GMT', { now }), 0);
});

test('what is neither is no answer', () => {
  for (const value of [null, '', 'soon', '-3', 'NaN', '1e9x']) assert.equal(retryAfterMs(value, { now }), undefined);
});
