import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { type Bench, withBench } from '../../test/support/hub-under-test.ts';
import { silentLog } from '../log/log.ts';
import { Background } from './foundation.ts';
import { Leadership } from './leadership.ts';

const LONG_MS = 600_000;
const FOUR_SECONDS = { leadSeconds: 4 };
const ONE_SECOND = { leadSeconds: 1 };

/** What leads of a hub, which has a lease for ever; `crash` ends it without a word. */
async function member(bench: Bench, { id, timing }: { id: string; timing: { leadSeconds: number } }) {
  const { store } = bench;
  await store.hubs.beat(id, LONG_MS);
  const background = new Background(silentLog);
  const leadership = new Leadership({ id, store, background, timing });
  return { leadership, crash: () => background.close() };
}

test(
  'one hub leads as long as it lives and wants to, however long its work takes',
  withBench(async bench => {
    const one = await member(bench, { id: 'one', timing: ONE_SECOND });
    const other = await member(bench, { id: 'other', timing: ONE_SECOND });
    assert.equal(await one.leadership.take({ forMs: LONG_MS }), true);
    const end = performance.now() + 2_500;
    await eventually(async () => {
      assert.equal(await other.leadership.take({ forMs: 0 }), false);
      return performance.now() > end;
    }, 30_000);
    await one.crash();
    await eventually(() => other.leadership.take({ forMs: 0 }), 30_000);
    assert.ok((await bench.store.hubs.live()).includes('one'), 'its own lease goes on');
    await other.crash();
  }),
);

test(
  'a hub that needs the right no more lets it go',
  withBench(async bench => {
    const one = await member(bench, { id: 'one', timing: ONE_SECOND });
    const other = await member(bench, { id: 'other', timing: FOUR_SECONDS });
    assert.equal(await one.leadership.take({ forMs: 0 }), true);
    await eventually(() => other.leadership.take({ forMs: 0 }), 30_000);
    assert.equal(await one.leadership.take({ forMs: 0 }), false);
    for (const { crash } of [one, other]) await crash();
  }),
);
