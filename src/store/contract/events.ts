import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../store.ts';
import { newSession } from './agents.ts';
import { inserted, type Use } from './support.ts';

const eventsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ type: 'note', body: { n: first + i } }));

export function eventsContract(name: string, use: Use): void {
  const appendTo =
    (store: Store, stream: string) =>
    (first: number | 'next', count: number, epoch = 1) =>
      store.events.append({ stream, epoch, first, events: eventsFrom(first === 'next' ? 0 : first, count) });

  describe(`${name}: events`, () => {
    it('acknowledges new, replayed and overlapping batches, and keeps each event once', () =>
      use(async ({ store }) => {
        const append = appendTo(store, 's');
        assert.deepEqual(await append(1, 3), { ack: 3 });
        assert.deepEqual(await append(1, 3), { ack: 3 });
        assert.deepEqual(await append(2, 4), { ack: 5 });
        assert.deepEqual(await append(1, 1), { ack: 5 });
        assert.deepEqual(await append(6, 0), { ack: 5 });
        const events = await store.events.read('s', 0, 100);
        assert.deepEqual(
          events.map(event => [event.seq, event.epoch, event.type, event.body]),
          [1, 2, 3, 4, 5].map(n => [n, 1, 'note', { n }]),
        );
        const now = await store.now();
        assert.ok(events.every(event => event.stream === 's' && Math.abs(event.time - now) < 60_000));
        assert.deepEqual(
          (await store.events.read('s', 2, 2)).map(event => event.seq),
          [3, 4],
        );
        assert.deepEqual(await store.events.read('other', 0, 9), []);
      }));

    it('refuses a gap and says what it expects', () =>
      use(async ({ store }) => {
        const append = appendTo(store, 's');
        assert.deepEqual(await append(2, 1), { gap: 1 });
        assert.equal(await store.events.lastSeq('s'), 0);
        await append(1, 2);
        assert.deepEqual(await append(4, 1), { gap: 3 });
        assert.equal(await store.events.lastSeq('s'), 2);
        await assert.rejects(append(0, 1), RangeError);
      }));

    it('fences an epoch below the highest seen', () =>
      use(async ({ store }) => {
        const append = appendTo(store, 's');
        await append(1, 2, 1);
        assert.deepEqual(await append(3, 1, 3), { ack: 3 });
        assert.deepEqual(await append(4, 1, 2), { fenced: true });
        assert.deepEqual(await append(1, 1, 1), { fenced: true });
        assert.deepEqual(await append('next', 1, 1), { fenced: true });
        assert.deepEqual(await append(4, 0, 4), { ack: 3 });
        assert.deepEqual(await append(4, 1, 3), { fenced: true });
        assert.deepEqual(
          (await store.events.read('s', 0, 9)).map(event => event.epoch),
          [1, 1, 3],
        );
      }));

    it('never has a gap or a duplicate, whatever is sent in whatever order', () =>
      use(async ({ store }) => {
        let run = 0;
        const batch = fc.record({ first: fc.integer({ min: 1, max: 12 }), count: fc.nat(5), epoch: fc.nat(3) });
        await fc.assert(
          fc.asyncProperty(fc.array(batch, { maxLength: 15 }), async batches => {
            run += 1;
            const append = appendTo(store, `p${run}`);
            let [last, highest] = [0, 0];
            for (const { first, count, epoch } of batches) {
              const outcome = await append(first, count, epoch);
              if (epoch < highest) assert.deepEqual(outcome, { fenced: true });
              else if (first > last + 1) assert.deepEqual(outcome, { gap: last + 1 });
              else {
                [last, highest] = [Math.max(last, first + count - 1), Math.max(highest, epoch)];
                assert.deepEqual(outcome, { ack: last });
              }
            }
            const events = await store.events.read(`p${run}`, 0, 100);
            assert.deepEqual(
              events.map(event => [event.seq, event.body.n]),
              Array.from({ length: last }, (_, i) => [i + 1, i + 1]),
            );
            assert.ok(events.every((event, i) => event.epoch >= (events[i - 1]?.epoch ?? 0)));
          }),
          { numRuns: 40 },
        );
        assert.deepEqual(await store.checkIntegrity(), []);
      }));

    it('gives every event a place of its own when many append next at once', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            stores[i % 2]?.events.append({
              stream: 's',
              epoch: 1,
              first: 'next',
              events: [{ type: 'n', body: { i } }],
            }),
          ),
        );
        const events = await store.events.read('s', 0, 100);
        assert.deepEqual(
          events.map(event => event.seq),
          Array.from({ length: 40 }, (_, i) => i + 1),
        );
        assert.equal(new Set(events.map(event => event.body.i)).size, 40);
      }));

    it('takes a batch of thousands', () =>
      use(async ({ store }) => {
        assert.deepEqual(await appendTo(store, 's')(1, 5000), { ack: 5000 });
        assert.equal((await store.events.read('s', 0, 10_000)).length, 5000);
      }));

    it('prunes by age; positions go on, and what was pruned does not come back', () =>
      use(async ({ store, execute }) => {
        const append = appendTo(store, 's');
        await append(1, 2500);
        await execute('update event set time = 10 where seq <= 2400');
        assert.equal(await store.events.prune(11), 2400);
        assert.deepEqual(await append(1, 2500), { ack: 2500 });
        assert.equal((await store.events.read('s', 0, 1))[0]?.seq, 2401);
        assert.deepEqual(await append('next', 1), { ack: 2501 });
        assert.deepEqual(await store.checkIntegrity(), []);
      }));

    it('keeps what was said in sessions by a rule of its own, and the positions of their logs and feeds', () =>
      use(async ({ store, execute }) => {
        const session = await store.sessions.insert(newSession());
        const gone = ['session:gone', 'feed:nobody'];
        const streams = [`session:${session.id}`, 'feed:alice', 'workspace:ws_gone', ...gone];
        for (const stream of streams) await appendTo(store, stream)(1, 2);
        await execute('update event set time = 10 where seq = 1');
        await execute('update event set time = 20 where seq = 2');
        await execute('update stream set updated_at = 20');
        assert.equal(await store.events.prune(30, { sessionsBefore: 5 }), 2, 'only those of the workspace');
        assert.equal(await store.events.prune(30, { sessionsBefore: 15 }), 4);
        assert.deepEqual(await store.events.span(`session:${session.id}`), { first: 2, last: 2 });
        assert.equal(await store.events.prune(30, { sessionsBefore: 30 }), 4);
        assert.deepEqual(await store.events.span(`session:${session.id}`), { first: 3, last: 2 });
        const positions = await Promise.all(streams.map(stream => store.events.lastSeq(stream)));
        assert.deepEqual(positions, [2, 2, 0, 0, 0]);
      }));

    it('reads ranges of many streams at once, in the order in which they are named', () =>
      use(async ({ store }) => {
        for (const stream of ['a', 'b']) await appendTo(store, stream)(1, 5);
        const ranges = [
          { stream: 'b', first: 2, last: 3 },
          { stream: 'a', first: 1, last: 1 },
          { stream: 'b', first: 5, last: 9 },
          { stream: 'none', first: 1, last: 1 },
        ];
        const read = await store.events.readRanges(ranges);
        assert.deepEqual(
          read.map(({ stream, seq, body }) => `${stream}${seq}${body.n}`),
          ['b22', 'b33', 'a11', 'b55'],
        );
        assert.deepEqual(await store.events.readRanges([]), []);
      }));

    it('tells where it begins and ends, what came before a moment, and where turns ended', () =>
      use(async ({ store, execute }) => {
        assert.deepEqual(await store.events.span('none'), { first: 1, last: 0 });
        await appendTo(store, 's')(1, 3);
        await store.events.append({ stream: 's', epoch: 1, first: 4, events: [{ type: 'session.idle', body: {} }] });
        await execute('update event set time = seq * 10');
        assert.deepEqual(await store.events.span('s'), { first: 1, last: 4 });
        assert.deepEqual(await Promise.all([10, 11, 30, 99].map(time => store.events.before('s', time))), [0, 1, 2, 4]);
        assert.deepEqual(await store.events.turnEnds('s', 5), [4]);
        assert.deepEqual(await store.events.turnEnds('none', 5), []);
      }));

    it('forgets the streams of tasks and workspaces that are gone, not of those that live', () =>
      use(async ({ store, execute }) => {
        const { id } = await inserted(store);
        const streams = [`workspace:${id}`, 'workspace:ws_gone', 'task:gone', 'fleet'];
        for (const stream of streams) await appendTo(store, stream)(1, 1);
        await execute('update event set time = 10');
        await execute('update stream set updated_at = 10');
        assert.equal(await store.events.prune(11), 4);
        const positions = await Promise.all(streams.map(stream => store.events.lastSeq(stream)));
        assert.deepEqual(positions, [1, 0, 0, 1]);
      }));

    it('skips and reports a torn event', () =>
      use(async ({ store, execute, badRows }) => {
        await appendTo(store, 's')(1, 3);
        await execute(`update event set body = '[1]' where seq = 2`);
        assert.deepEqual(
          (await store.events.read('s', 0, 9)).map(event => event.seq),
          [1, 3],
        );
        assert.deepEqual(badRows, ['event/s#2']);
      }));
  });
}
