import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localCaller } from '../auth/caller.ts';
import { linkedCall, RunningCalls } from './running-calls.ts';

const other = { id: 'other', scopes: new Set<string>(), teams: new Set<string>() };

test('a linked call is cancelled with its request, and not after its end', () => {
  const request = new AbortController();
  const [running, ended] = [linkedCall(request.signal), linkedCall(request.signal)];
  ended.end();
  request.abort(new Error('closed'));
  assert.equal(running.signal.aborted, true);
  assert.equal(ended.signal.aborted, false);
  assert.equal(linkedCall(request.signal).signal.aborted, true);
});

test('a call is cancelled by its caller and id only', () => {
  const calls = new RunningCalls();
  const mine = calls.start(localCaller, 1);
  assert.equal(calls.cancel(other, 1), false);
  assert.equal(calls.cancel(localCaller, '1'), false, 'a text is another id than the number');
  assert.equal(mine.signal.aborted, false);
  assert.equal(calls.cancel(localCaller, 1), true);
  assert.equal(mine.signal.aborted, true);
});

test('an id that two calls have cancels neither, until one has ended', () => {
  const calls = new RunningCalls();
  const [a, b] = [calls.start(localCaller, 1), calls.start(localCaller, 1)];
  assert.equal(calls.cancel(localCaller, 1), false);
  a.end();
  assert.equal(calls.cancel(localCaller, 1), true);
  assert.equal(b.signal.aborted, true);
});

test('nothing is kept of calls that ended', () => {
  const calls = new RunningCalls();
  for (let id = 0; id < 1000; id++) calls.start(localCaller, id % 7).end();
  assert.equal(calls.size, 0);
});
