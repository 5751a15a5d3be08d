import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whoseOf } from './whose.ts';

const wanted = (whose: Parameters<typeof whoseOf>[0]) =>
  ['a', 'b', 'c'].filter(agentId => whoseOf(whose)({ agentId })).join('');

test('a question is about all sessions, some, or all but some', () => {
  assert.equal(wanted({}), 'abc');
  assert.equal(wanted({ ids: ['a', 'c', 'x'] }), 'ac');
  assert.equal(wanted({ notIds: ['a'] }), 'bc');
  assert.equal(wanted({ ids: ['a', 'b'], notIds: ['b'] }), 'a');
});

test('none of the caller’s own is not the same as no limit', () => {
  assert.equal(wanted({ ids: [] }), '');
  assert.equal(wanted({ notIds: [] }), 'abc');
});
