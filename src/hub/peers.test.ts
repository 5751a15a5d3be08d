import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type openBench, withBench } from '../../test/support/hub-under-test.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Hub } from './hub.ts';

type Bench = Awaited<ReturnType<typeof openBench>>;

const hubs = async (bench: Bench, count: number): Promise<Hub[]> => {
  const made: Hub[] = [];
  for (let i = 0; i < count; i++) made.push(await bench.hub());
  return made;
};
const known = async (hub: Hub | undefined, others: number) =>
  eventually(async () => (await hub?.peers.ask('there?', {}))?.length === others);

test(
  'what a hub tells is heard by all others and not by itself',
  withBench(async bench => {
    const [a, b, c] = await hubs(bench, 3);
    const heard: string[] = [];
    for (const [name, hub] of Object.entries({ a, b, c })) {
      hub?.peers.hear('news', ({ text }) => {
        heard.push(`${name} ${text}`);
      });
    }
    await known(a, 2);
    a?.peers.tell('news', { text: 'x' });
    await eventually(() => heard.length >= 2);
    assert.deepEqual(heard.sort(), ['b x', 'c x']);
  }),
);

test(
  'what a hub asks is answered by all others, also by one that has nothing to say',
  withBench(async bench => {
    const [a, b, c] = await hubs(bench, 3);
    b?.peers.hear('sum', async ({ x }) => ({ sum: Number(x) + 1 }));
    await known(a, 2);
    const answers = await a?.peers.ask('sum', { x: 1 });
    assert.deepEqual(answers?.map(answer => answer.sum ?? 'nothing').sort(), [2, 'nothing']);
    assert.ok(c);
  }),
);

test(
  'a hub alone asks nobody, and a silent one is waited for once',
  withBench(async bench => {
    const [a] = await hubs(bench, 1);
    assert.deepEqual(await a?.peers.ask('sum', {}), []);
    // Of another process: it has a lease in the same records, and is on another fabric.
    bench.newProcess();
    const elsewhere = await bench.hub();
    assert.deepEqual(await elsewhere.peers.ask('sum', {}), []);
    const again = await Promise.race([
      elsewhere.peers.ask('sum', {}),
      new Promise(resolve => setTimeout(resolve, 100, 'waits')),
    ]);
    assert.deepEqual(again, []);
  }),
);

test(
  'a listener that fails answers nothing and harms nobody',
  withBench(async bench => {
    const [a, b] = await hubs(bench, 2);
    await known(a, 1);
    b?.peers.hear('bad', () => {
      throw new Error('no');
    });
    assert.deepEqual(await a?.peers.ask('bad', {}), []);
    await known(b, 1);
    await known(a, 1);
  }),
);
