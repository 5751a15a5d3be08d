import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { withBench } from '../../test/support/hub-under-test.ts';

/** Looks so seldom that no test would wait for it. */
const timing = { lookMs: 600_000 };

test(
  'whoever waits at one hub for events is woken by what another appends',
  withBench(async bench => {
    const [a, b] = [await bench.hub({ timing }), await bench.hub({ timing })];
    await eventually(async () => (await b.peers.ask('there?', {})).length === 1);
    for (const stream of ['workspace:x', 'workspace:y']) {
      const waiting = [0, 0].map(after => a.events.read(stream, { after, limit: 10, waitMs: 60_000 }));
      await b.events.append(stream, 'note', { n: 1 });
      for (const events of await Promise.all(waiting)) assert.deepEqual(events[0]?.body, { n: 1 });
    }
  }),
);

test(
  'a burst of events is told of as a whole: its last is heard of as well as its first',
  withBench(async bench => {
    const [a, b] = [await bench.hub({ timing }), await bench.hub({ timing })];
    await eventually(async () => (await b.peers.ask('there?', {})).length === 1);
    const stopping = new AbortController();
    const seen: unknown[] = [];
    const following = (async () => {
      for await (const { body } of a.events.follow('workspace:x', { after: 0, signal: stopping.signal }))
        seen.push(body.n);
    })();
    for (let n = 1; n <= 50; n++) await b.events.append('workspace:x', 'note', { n });
    await eventually(() => seen.length === 50);
    stopping.abort();
    await following;
    assert.deepEqual(
      seen,
      Array.from({ length: 50 }, (_, at) => at + 1),
    );
  }),
);
