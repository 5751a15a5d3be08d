import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesStatus, runStateOf } from './run-state.ts';

test('every word of the service has its state, in any case', () => {
  const words = {
    active: ['ACTIVE', 'RUNNING', 'EVALUATION', 'PENDING', 'active'],
    completed: ['COMPLETE', 'complete'],
    failed: ['ERROR', 'FAILED', 'TIMEOUT', 'MAX_ITERATIONS_REACHED', 'OUT_OF_TOKENS'],
    cancelled: ['CANCELLED', 'STOPPED'],
  };
  for (const [state, statuses] of Object.entries(words))
    for (const status of statuses) assert.equal(runStateOf(status), state);
});

test('a run without a status, or with a word that is not known, goes on', () => {
  for (const status of [null, '', 'DREAMING', 'constructor']) assert.equal(runStateOf(status), 'active');
});

test('a filter means all the words of its state, or the one that it names', () => {
  assert.ok(matchesStatus('Running', 'ACTIVE'));
  assert.ok(matchesStatus('active', 'EVALUATION'));
  assert.ok(matchesStatus('done', 'COMPLETE'));
  assert.ok(matchesStatus('error', 'OUT_OF_TOKENS'));
  assert.ok(matchesStatus('canceled', 'STOPPED'));
  assert.ok(matchesStatus('PENDING', 'PENDING'));
  assert.ok(!matchesStatus('pending', 'ACTIVE'));
  assert.ok(!matchesStatus('timeout', 'ERROR'));
  assert.ok(!matchesStatus('running', null));
});

test('a word that is not known means itself, exactly', () => {
  assert.ok(matchesStatus('DREAMING', 'DREAMING'));
  assert.ok(!matchesStatus('dreaming', 'DREAMING'));
  assert.ok(!matchesStatus('constructor', 'ACTIVE'));
});
