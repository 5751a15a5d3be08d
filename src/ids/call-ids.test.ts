import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callIds } from './call-ids.ts';

test('ids of a call look like all others', () => {
  for (let i = 0; i < 500; i += 1) {
    const ids = callIds('seed', String(i));
    assert.match(ids.handle('ws'), /^ws_[a-z0-9]{24}$/);
    assert.match(ids.taskId(), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test('the same seed gives the same ids; another seed, kind or part gives others', () => {
  const idsOf = (...seed: string[]) => {
    const whole = callIds(...seed);
    return [whole, whole.part('a'), whole.part('b'), whole.part('a').part('b')].flatMap(ids => [
      ids.handle('ws'),
      ids.handle('cp'),
      ids.taskId(),
    ]);
  };
  assert.deepEqual(idsOf('alice', 'k'), idsOf('alice', 'k'));
  const all = [idsOf('alice', 'k'), idsOf('alice', 'l'), idsOf('alicek')].flat().map(id => id.replace(/^\w+_/, ''));
  assert.equal(new Set(all).size, all.length);
});
