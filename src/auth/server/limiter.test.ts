import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter } from './limiter.ts';

test('lets so many through at once, and then as many as are given back', () => {
  let now = 0;
  const limiter = new Limiter(3, () => now);
  const taken = () => [1, 2, 3, 4].map(() => limiter.take());
  assert.deepEqual(taken(), [true, true, true, false]);
  now += 19_000;
  assert.equal(limiter.take(), false);
  now += 2_000;
  assert.equal(limiter.take(), true);
  assert.equal(limiter.take(), false);
  now += 3_600_000;
  assert.deepEqual(taken(), [true, true, true, false]);
});
