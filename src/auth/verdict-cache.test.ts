import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localCaller } from './caller.ts';
import type { Verdict } from './verdict.ts';
import { VerdictCache } from './verdict-cache.ts';

const good: Verdict = { caller: localCaller };

test('a verdict that was asked for before something was revoked is not kept', async () => {
  const cache = new VerdictCache(() => 0);
  const first = Promise.withResolvers<Verdict>();
  const waiting = cache.get('token', () => first.promise);
  cache.forget('grant');
  const second = Promise.withResolvers<Verdict>();
  // Whoever comes now does not wait for the answer to the earlier question.
  const later = cache.get('token', () => second.promise);
  first.resolve(good);
  assert.equal(await waiting, good);
  const refused: Verdict = { refused: 'revoked' };
  second.resolve(refused);
  assert.equal(await later, refused);
  assert.equal(await cache.get('token', () => assert.fail('asked again')), refused);
});

test('those who ask at the same time share one question, also after all was forgotten', async () => {
  const cache = new VerdictCache(() => 0);
  cache.forget();
  let asked = 0;
  const judge = async () => {
    asked += 1;
    return good;
  };
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => cache.get('token', judge))), [good, good, good]);
  assert.equal(asked, 1);
});

test('what stands on something that was revoked is forgotten, and nothing else is', async () => {
  const cache = new VerdictCache(() => 0);
  for (const standsOn of ['one', 'two']) await cache.get(standsOn, async () => ({ ...good, standsOn }));
  cache.forget('one');
  const again: Verdict = { refused: 'revoked' };
  assert.equal(await cache.get('one', async () => again), again);
  assert.equal('caller' in (await cache.get('two', () => assert.fail('asked again'))), true);
});
