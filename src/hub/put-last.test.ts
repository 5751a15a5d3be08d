import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putLast } from './put-last.ts';

test('what was put longest ago goes first, and what is put again counts as new', () => {
  const map = new Map<string, number>();
  for (const [at, key] of ['a', 'b', 'c', 'a', 'd'].entries()) putLast(map, [key, at], 3);
  assert.deepEqual(
    [...map],
    [
      ['c', 2],
      ['a', 3],
      ['d', 4],
    ],
  );
});
