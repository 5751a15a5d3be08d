import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WaitingRecord } from '../rows.ts';
import { idsOf, inserted, newWorker, newWorkspace, type Use } from './support.ts';

const CAPS = { total: 100, perCaller: 100 };

const wanted = (patch: Partial<WaitingRecord> = {}): WaitingRecord => ({
  id: 'ws_1',
  caller: 'alice',
  hub: 'h1',
  labels: {},
  ...patch,
});

export function waitingContract(name: string, use: Use): void {
  describe(`${name}: the line for slots`, () => {
    it('is in order of arrival, and who comes again keeps the place', () =>
      use(async ({ store }) => {
        await store.hubs.beat('h1', 60);
        await store.hubs.beat('h2', 60);
        for (const id of ['ws_b', 'ws_a', 'ws_c'])
          await store.waiting.enter(wanted({ id, labels: { zone: id } }), CAPS);
        assert.equal(await store.waiting.enter(wanted({ id: 'ws_b', hub: 'h2' }), CAPS), 'entered');
        const { waiting } = await store.waiting.line();
        assert.deepEqual(idsOf(waiting), ['ws_b', 'ws_a', 'ws_c']);
        assert.deepEqual(waiting[0], wanted({ id: 'ws_b', hub: 'h2', labels: { zone: 'ws_b' } }));
        await store.waiting.leave(['ws_a', 'ws_unknown']);
        await store.waiting.leave([]);
        assert.deepEqual(idsOf((await store.waiting.line()).waiting), ['ws_b', 'ws_c']);
      }));

    it('takes no more than its caps, however many come at once', () =>
      use(async ({ store, openAnother }) => {
        await store.hubs.beat('h1', 60);
        const stores = [store, await openAnother()];
        const come = (id: string, caller: string, at: number) =>
          stores[at % 2]?.waiting.enter(wanted({ id, caller }), { total: 5, perCaller: 3 });
        const mine = await Promise.all(Array.from({ length: 6 }, (_, at) => come(`ws_a${at}`, 'alice', at)));
        assert.deepEqual(mine.sort(), [...Array(3).fill('entered'), ...Array(3).fill('full for caller')]);
        const others = await Promise.all(Array.from({ length: 3 }, (_, at) => come(`ws_b${at}`, 'bob', at)));
        assert.deepEqual(others.sort(), ['entered', 'entered', 'full']);
      }));

    it('forgets those that waited at a hub which is gone', () =>
      use(async ({ store }) => {
        await store.hubs.beat('h1', 0);
        await store.hubs.beat('h2', 60);
        await store.waiting.enter(wanted({ id: 'ws_1' }), CAPS);
        await store.waiting.enter(wanted({ id: 'ws_2', hub: 'h2' }), { total: 1, perCaller: 1 });
        assert.deepEqual(idsOf((await store.waiting.line()).waiting), ['ws_2']);
      }));

    it('tells how many workspaces the callers have on live workers', () =>
      use(async ({ store }) => {
        await store.hubs.beat('h1', 60);
        assert.deepEqual(await store.waiting.line(), { waiting: [], held: new Map() });
        await store.workers.join(newWorker({ id: 'w1' }), 60);
        await store.workers.join(newWorker({ id: 'w2' }), 0);
        for (const worker of ['w1', 'w1', 'w2']) await inserted(store, { worker });
        await inserted(store, { worker: 'w1', caller: 'carol' });
        await store.waiting.enter(wanted(), CAPS);
        await store.waiting.enter(wanted({ id: 'ws_2', caller: 'bob' }), CAPS);
        assert.deepEqual((await store.waiting.line()).held, new Map([['alice', 2]]));
      }));

    it('is left by a workspace that is inserted', () =>
      use(async ({ store }) => {
        await store.hubs.beat('h1', 60);
        for (const id of ['ws_1', 'ws_2']) await store.waiting.enter(wanted({ id }), CAPS);
        await store.workspaces.insert(newWorkspace({ id: 'ws_1' }), { slots: 1 });
        await store.workspaces.insert(newWorkspace({ id: 'ws_2' }), { slots: 1 });
        assert.deepEqual(idsOf((await store.waiting.line()).waiting), ['ws_2']);
      }));
  });

  describe(`${name}: a slot`, () => {
    it('is not taken by whoever saw fewer workspaces than there are', () =>
      use(async ({ store }) => {
        await inserted(store);
        const insert = (seen: number, slots: number) => store.workspaces.insert(newWorkspace(), { slots, seen });
        assert.deepEqual(await insert(0, 4), { stale: true });
        assert.deepEqual(await insert(0, 1), { full: true });
        assert.ok('inserted' in (await insert(1, 4)));
      }));
  });

  describe(`${name}: a worker that is drained`, () => {
    it('is emptied by one hub, and by another when that is gone', () =>
      use(async ({ store }) => {
        for (const id of ['h1', 'h2']) await store.hubs.beat(id, 60);
        await store.workers.join(newWorker(), 60);
        assert.equal(await store.workers.takeDrain('w1', 'h1'), false);
        await store.workers.setDraining('w1', true);
        assert.deepEqual(
          [await store.workers.takeDrain('w1', 'h1'), await store.workers.takeDrain('w1', 'h2')],
          [true, false],
        );
        assert.equal(await store.workers.takeDrain('w1', 'h1'), true);
        await store.hubs.leave('h1');
        assert.equal(await store.workers.takeDrain('w1', 'h2'), true);
      }));

    it('may change its slots and labels while it lives', () =>
      use(async ({ store }) => {
        await store.workers.join(newWorker(), 60);
        const live = { id: 'w1', boot: 'b1' };
        assert.equal(await store.workers.change(live, { slots: 9 }), true);
        assert.equal(await store.workers.change(live, { labels: { gpu: 'yes' } }), true);
        assert.equal(await store.workers.change({ id: 'w1', boot: 'b0' }, { slots: 1 }), false);
        const [worker] = await store.workers.list({ liveOnly: true });
        assert.deepEqual([worker?.slots, worker?.labels], [9, { gpu: 'yes' }]);
      }));

    it('that is lost is remembered until it joins again or leaves', () =>
      use(async ({ store }) => {
        for (const id of ['w1', 'w2']) await store.workers.join(newWorker({ id }), 0);
        assert.deepEqual(await store.workers.lost(), []);
        await store.workers.reap(await store.now());
        assert.deepEqual(idsOf(await store.workers.lost()), ['w1', 'w2']);
        await store.workers.join(newWorker({ boot: 'b2' }), 60);
        await store.workers.leave('w2', 'b1');
        assert.deepEqual(await store.workers.lost(), []);
        assert.deepEqual(await store.hubs.live(), []);
      }));
  });
}
