import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallEnd, CircuitBreaker } from './circuit-breaker.ts';

const FAILED: CallEnd = { kind: 'failed', reason: 'connection refused' };

function breakerAt(clock: { now: number }) {
  return new CircuitBreaker({ failures: 3, openMs: 1000, now: () => clock.now });
}

function call(breaker: CircuitBreaker, end: CallEnd): void {
  const admission = breaker.admit();
  assert.ok(admission.admitted);
  admission.report(end);
}

test('calls are refused, with the reason, after several failures in a row', () => {
  const breaker = breakerAt({ now: 5000 });
  for (let at = 0; at < 3; at++) call(breaker, FAILED);
  assert.deepEqual(breaker.admit(), { admitted: false, reason: 'connection refused', retryMs: 1000 });
  assert.deepEqual(breaker.status(), {
    state: 'open',
    failures: 3,
    lastFailure: { at: 5000, reason: 'connection refused' },
    lastSuccessAt: null,
    retryAt: 6000,
  });
});

test('an answer in between begins the count anew', () => {
  const breaker = breakerAt({ now: 0 });
  for (const end of [FAILED, FAILED, { kind: 'answered' }, FAILED, FAILED] as const) call(breaker, end);
  assert.equal(breaker.status().state, 'closed');
});

test('when the time is over one call is let through, whose end decides', () => {
  const clock = { now: 0 };
  const breaker = breakerAt(clock);
  for (let at = 0; at < 3; at++) call(breaker, FAILED);
  clock.now = 1000;
  const first = breaker.admit();
  assert.ok(first.admitted);
  assert.equal(breaker.admit().admitted, false);
  assert.equal(breaker.status().state, 'trying');
  first.report(FAILED);
  assert.equal(breaker.status().retryAt, 2000);
  clock.now = 2000;
  call(breaker, { kind: 'answered' });
  assert.equal(breaker.status().state, 'closed');
  assert.equal(breaker.status().lastSuccessAt, 2000);
});

test('a trial whose caller goes away leaves room for the next', () => {
  const clock = { now: 0 };
  const breaker = breakerAt(clock);
  for (let at = 0; at < 3; at++) call(breaker, FAILED);
  clock.now = 1000;
  call(breaker, { kind: 'abandoned' });
  assert.equal(breaker.admit().admitted, true);
});
