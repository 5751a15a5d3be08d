import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { withBench, type Bench } from '../../../test/support/hub-under-test.ts';
import { EventPositions } from './event-positions.ts';

async function sessionWith(bench: Bench, types: readonly string[]): Promise<string> {
  const id = randomUUID();
  await bench.store.sessions.insert({
    ...{ id, caller: 'alice', agent: 'puppet', agentSessionId: null, worker: 'w', workspaceId: null, slug: '-' },
    ...{ cwd: '/', title: '', model: null, permissionMode: 'default', status: 'parked', parentId: null },
    ...{ forkedFrom: null, atMessageId: null, usage: {}, messageCount: 0, metadata: {} },
  });
  if (types.length > 0)
    await bench.store.sessions.append(
      id,
      types.map(type => ({ type, body: {} })),
    );
  return id;
}
const TURN = ['message.created', 'message.part.updated', 'session.idle', 'session.updated'];

describe('where readers of sessions begin', () => {
  it(
    'is before the latest turn: the one that runs or waits, else the last that ended',
    withBench(async bench => {
      const positions = new EventPositions(bench.store);
      const fresh = await sessionWith(bench, []);
      assert.equal(await positions.latestTurn(fresh), 0);
      const twice = await sessionWith(bench, [...TURN, ...TURN]);
      assert.equal(await positions.latestTurn(twice), 3);
      const waiting = { id: randomUUID(), sessionId: twice, caller: 'alice', prompt: {}, expiresAt: null } as const;
      await bench.store.turns.enqueue({ ...waiting, state: 'queued' }, { most: 20 });
      assert.equal(await positions.latestTurn(twice), 7);
      const unasked = await sessionWith(bench, [...TURN, 'message.created']);
      assert.equal(await positions.latestTurn(unasked), 3, 'a turn that was not asked for here');
    }),
  );

  it(
    'is before the newest events of all sessions, in the middle of a range if need be',
    withBench(async bench => {
      const hub = await bench.hub();
      const positions = new EventPositions(bench.store);
      assert.deepEqual(await positions.newestOfAll('alice', 50), { seq: 0, offset: 0 });
      for (let i = 0; i < 3; i++) await sessionWith(bench, TURN);
      for (const [count, place] of [
        [5, { seq: 1, offset: 3 }],
        [4, { seq: 2, offset: 0 }],
        [12, { seq: 0, offset: 0 }],
        [99, { seq: 0, offset: 0 }],
      ] as const) {
        const after = await positions.newestOfAll('alice', count);
        assert.deepEqual(after, place);
        const page = await hub.sessions.feed.read('alice', { after, limit: 1000, waitMs: 0 });
        assert.equal(page.events.length, Math.min(count, 12));
      }
    }),
  );

  it(
    'is at the oldest event that is kept where a cursor is older, or of another log, which is a gap',
    withBench(async bench => {
      const positions = new EventPositions(bench.store);
      const id = await sessionWith(bench, TURN);
      const stream = `session:${id}`;
      const at = (seq: number) => positions.kept(stream, { seq, offset: 0 });
      assert.deepEqual(await at(2), { seq: 2, offset: 0, hasGap: false });
      assert.deepEqual(await at(9), { seq: 0, offset: 0, hasGap: true });
      await bench.store.events.prune((await bench.store.now()) + 60_000);
      assert.deepEqual(await at(2), { seq: 4, offset: 0, hasGap: true });
      assert.deepEqual(await at(4), { seq: 4, offset: 0, hasGap: false });
      const hub = await bench.hub();
      await bench.store.sessions.append(id, [{ type: 'session.updated', body: {} }]);
      const page = await hub.sessions.feed.read('alice', { after: { seq: 0, offset: 0 }, limit: 10, waitMs: 0 });
      assert.deepEqual([page.hasGap, page.events.map(({ event }) => event.seq)], [true, [5]]);
    }),
  );
});
