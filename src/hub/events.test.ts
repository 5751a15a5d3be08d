import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { withBench } from '../../test/support/hub-under-test.ts';
import type { EventRecord } from '../store/rows.ts';
import { EventLog } from './events.ts';

/** Looks so seldom that no test would wait for it. */
const timing = { lookMs: 600_000 };
const stream = 'workspace:x';
const reading = { limit: 10, waitMs: 60_000 };
const note = (n: number) => ({ type: 'note', body: { n } });
const numbers = (events: readonly EventRecord[]) => events.map(({ body }) => body.n);

describe('whoever comes back to a stream for more', () => {
  it(
    'does not look for what it has seen, as long as all that was added was handed to it',
    withBench(async bench => {
      const { events } = await bench.hub({ timing });
      assert.ok(events instanceof EventLog);
      const add = async (n: number) => {
        await bench.store.events.append({ stream, epoch: 0, first: 'next', events: [note(n)] });
        const added = await bench.store.events.read(stream, n - 1, 1);
        looks.mock.resetCalls();
        events.wake(stream, added);
      };
      await events.append(stream, 'note', { n: 1 });
      const looks = mock.method(bench.store.events, 'read');
      assert.deepEqual(numbers(await events.read(stream, { ...reading, after: 0 })), [1]);
      for (const n of [2, 3]) {
        const more = events.read(stream, { ...reading, after: n - 1 });
        await turn();
        await add(n);
        assert.deepEqual(numbers(await more), [n]);
        assert.equal(looks.mock.callCount(), 0, `before event ${n}`);
      }
    }),
  );

  it(
    'gets what was added while it was away, whoever told of it',
    withBench(async bench => {
      const [a, b] = [await bench.hub({ timing }), await bench.hub({ timing })];
      await eventually(async () => (await b.peers.ask('there?', {})).length === 1);
      await a.events.append(stream, 'note', { n: 1 });
      for (const [n, by] of [a, b, a, b].entries()) {
        assert.deepEqual(numbers(await a.events.read(stream, { ...reading, after: n })), [n + 1]);
        await by.events.append(stream, 'note', { n: n + 2 });
      }
    }),
  );

  it(
    'sees at once what another hub has added when it does not wait',
    withBench(async bench => {
      const { events } = await bench.hub({ timing });
      await events.append(stream, 'note', { n: 1 });
      assert.equal((await events.read(stream, { ...reading, after: 0 })).length, 1);
      // Without a word to this hub.
      await bench.store.events.append({ stream, epoch: 0, first: 'next', events: [note(2)] });
      assert.deepEqual(numbers(await events.read(stream, { ...reading, after: 1, waitMs: 0 })), [2]);
    }),
  );

  it(
    'looks after its wait for what nobody told of',
    withBench(async bench => {
      const { events } = await bench.hub({ timing: { lookMs: 20 } });
      await events.append(stream, 'note', { n: 1 });
      assert.equal((await events.read(stream, { ...reading, after: 0 })).length, 1);
      await bench.store.events.append({ stream, epoch: 0, first: 'next', events: [note(2)] });
      assert.deepEqual(numbers(await events.read(stream, { ...reading, after: 1 })), [2]);
    }),
  );

  it(
    'is given no end that was found while something was added',
    withBench(async bench => {
      const { events } = await bench.hub({ timing });
      await events.append(stream, 'note', { n: 1 });
      const { read } = bench.store.events;
      const slow = mock.method(bench.store.events, 'read', async (...args: Parameters<typeof read>) => {
        const found = await read.apply(bench.store.events, args);
        slow.mock.restore();
        await events.append(stream, 'note', { n: 2 });
        return found;
      });
      assert.deepEqual(numbers(await events.read(stream, { ...reading, after: 0 })), [1]);
      assert.deepEqual(numbers(await events.read(stream, { ...reading, after: 1 })), [2]);
    }),
  );
});
