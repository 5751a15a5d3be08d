import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idsOf, inserted, newWorker, type Use } from './support.ts';

export function workersContract(name: string, use: Use): void {
  describe(`${name}: workers`, () => {
    it('joins with a lease by the database clock and lists what it said of itself', () =>
      use(async ({ store }) => {
        const before = await store.now();
        await store.workers.join(newWorker(), 60);
        const [worker] = await store.workers.list({ liveOnly: true });
        assert.ok(worker);
        const { joinedAt, leaseUntil, ...said } = worker;
        assert.deepEqual(said, newWorker());
        assert.ok(joinedAt >= before && joinedAt <= (await store.now()));
        assert.equal(leaseUntil - joinedAt, 60_000);
      }));

    it('renews the leases of the same boot until they are reaped, also those that ran out', () =>
      use(async ({ store }) => {
        await store.workers.join(newWorker({ id: 'reaped' }), 0);
        await store.workers.reap(await store.now());
        await store.workers.join(newWorker({ id: 'live' }), 60);
        await store.workers.join(newWorker({ id: 'late' }), 0);
        await store.workers.join(newWorker({ id: 'restarted', boot: 'b2' }), 60);
        assert.deepEqual([...(await store.workers.holding()).keys()].sort(), ['late', 'live', 'restarted']);
        const pairs = ['live', 'late', 'reaped', 'restarted', 'unknown'].map(id => ({ id, boot: 'b1' }));
        assert.deepEqual(await store.workers.beat(pairs, 120), new Set(['live', 'late']));
        assert.deepEqual(await store.workers.beat([], 120), new Set());
        for (const worker of (await store.workers.list({ liveOnly: true })).filter(({ boot }) => boot === 'b1'))
          assert.ok(worker.leaseUntil - worker.joinedAt >= 120_000);
        assert.deepEqual(idsOf(await store.workers.reap(await store.now())), []);
      }));

    it('reaps nobody whose lease ran out after the time that is named, and none whose lease lies ahead', () =>
      use(async ({ store, execute }) => {
        await store.workers.join(newWorker({ id: 'early' }), 60);
        await store.workers.join(newWorker({ id: 'late' }), 60);
        await store.workers.join(newWorker({ id: 'live' }), 60);
        const healthy = (await store.now()) - 10_000;
        await execute(`update worker set lease_until = ${healthy - 1} where id = 'early'`);
        await execute(`update worker set lease_until = ${healthy + 1} where id = 'late'`);
        assert.deepEqual(idsOf(await store.workers.reap(healthy)), ['early']);
        assert.deepEqual(idsOf(await store.workers.reap(healthy)), []);
        assert.deepEqual(idsOf(await store.workers.reap(healthy + 10_000_000)), ['late']);
        const holding = await store.workers.holding();
        const live = (await store.workers.list({ liveOnly: true })).find(({ id }) => id === 'live');
        assert.deepEqual([...holding], [['live', { boot: 'b1', leaseUntil: live?.leaseUntil }]]);
      }));

    it('takes the lease from an older boot of the same worker', () =>
      use(async ({ store }) => {
        await store.workers.join(newWorker({ boot: 'old' }), 60);
        await store.workers.join(newWorker({ boot: 'new', slots: 9 }), 60);
        assert.deepEqual(await store.workers.beat([{ id: 'w1', boot: 'old' }], 60), new Set());
        await store.workers.leave('w1', 'old');
        assert.deepEqual(
          (await store.workers.list({ liveOnly: false })).map(worker => [worker.boot, worker.slots]),
          [['new', 9]],
        );
        await store.workers.leave('w1', 'new');
        assert.deepEqual(await store.workers.list({ liveOnly: false }), []);
      }));

    it('reaps each worker whose lease ran out once', () =>
      use(async ({ store, openAnother }) => {
        for (const id of ['dead1', 'dead2']) await store.workers.join(newWorker({ id }), 0);
        await store.workers.join(newWorker({ id: 'live' }), 60);
        assert.deepEqual(idsOf(await store.workers.list({ liveOnly: true })), ['live']);
        const other = await openAnother();
        const reaped = await Promise.all([
          store.workers.reap(await store.now()),
          other.workers.reap(await store.now()),
        ]);
        assert.deepEqual(idsOf(reaped.flat()).sort(), ['dead1', 'dead2']);
        assert.deepEqual(await store.workers.reap(await store.now()), []);
        assert.deepEqual(idsOf(await store.workers.list({ liveOnly: false })), ['live']);
      }));

    it('stays in draining when the same boot joins again, not when a new one does', () =>
      use(async ({ store }) => {
        const isDraining = async () => (await store.workers.list({ liveOnly: false }))[0]?.isDraining;
        assert.equal(await store.workers.setDraining('w1', true), false);
        await store.workers.join(newWorker(), 60);
        assert.equal(await store.workers.setDraining('w1', true), true);
        await store.workers.join(newWorker(), 60);
        assert.equal(await isDraining(), true);
        await store.workers.join(newWorker({ boot: 'b2' }), 60);
        assert.equal(await isDraining(), false);
      }));

    it('counts the workspaces held by each live worker, none included', () =>
      use(async ({ store }) => {
        await store.workers.join(newWorker({ id: 'w1' }), 60);
        await store.workers.join(newWorker({ id: 'w2' }), 60);
        await store.workers.join(newWorker({ id: 'w3' }), 0);
        for (const worker of ['w1', 'w1', 'w3']) await inserted(store, { worker });
        assert.deepEqual(
          await store.workers.slotsUsed(),
          new Map([
            ['w1', 2],
            ['w2', 0],
          ]),
        );
      }));
  });
}
