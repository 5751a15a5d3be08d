import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from './ids.ts';

test('ids have 24 letters or digits after their prefix and do not repeat', () => {
  const ids = Array.from({ length: 5000 }, () => newId('ws'));
  for (const id of ids) assert.match(id, /^ws_[a-z0-9]{24}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('every letter is about equally likely', () => {
  const counts = new Map<string, number>();
  const letters = Array.from({ length: 5000 }, () => newId('ws').slice(3)).join('');
  for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  assert.equal(counts.size, 36);
  const expected = letters.length / 36;
  for (const [letter, count] of counts) assert.ok(Math.abs(count - expected) < expected * 0.15, letter);
});
