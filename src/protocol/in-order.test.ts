import assert from 'node:assert/strict';
import { it } from 'node:test';
import { InOrder } from './in-order.ts';

it('acts in the order of calls however things become ready, and keys do not wait for each other', async () => {
  const order = new InOrder();
  const [a, b, c] = [Promise.withResolvers<string>(), Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const acted: string[] = [];
  const act = (value: string) => acted.push(value);
  const all = [
    order.act('k', a.promise, act),
    order.act('k', b.promise, act),
    order.act('k', c.promise, act),
    order.act('other', Promise.resolve('x'), act),
  ];
  c.resolve('c');
  b.resolve('b');
  await all[3];
  assert.deepEqual(acted, ['x']);
  a.resolve('a');
  await Promise.all(all);
  assert.deepEqual(acted, ['x', 'a', 'b', 'c']);
});

it('goes on after one that failed, and does not wait for what an act started', async () => {
  const order = new InOrder();
  const failing = order.act('k', Promise.reject(new Error('not ready')), () => 'never');
  const endless = order.act('k', Promise.resolve(1), () => new Promise<number>(() => {}));
  const last = order.act('k', Promise.resolve(2), value => value);
  await assert.rejects(async () => failing, /not ready/);
  assert.equal(await last, 2);
  assert.equal(await Promise.race([endless, Promise.resolve('still open')]), 'still open');
});
