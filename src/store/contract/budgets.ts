import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Use } from './support.ts';

const HOLD = { holdMs: 600_000 };
const hour = (requests: number) => [{ name: 'requests', requests, perMs: 3_600_000 }];

/** Rate budgets that hubs keep together. */
export function budgetsContract(name: string, use: Use): void {
  describe(`${name}: rate budgets`, () => {
    it('gives as many places as the rule has, to all who ask at once', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const takes = Array.from({ length: 20 }, (_, at) =>
          (stores[at % 2] ?? store).budgets.take('b', hour(7), { place: `p${at}`, ...HOLD }),
        );
        const waits = (await Promise.all(takes)).map(({ waitMs }) => waitMs);
        assert.equal(waits.filter(waitMs => waitMs === 0).length, 7);
        assert.deepEqual(new Set(waits.filter(waitMs => waitMs > 0)), new Set([3_600_000]), 'all are under way');
        assert.equal((await store.budgets.take('other', hour(7), { place: 'p', ...HOLD })).waitMs, 0);
      }));

    it('frees a place one window after it was settled, and tells when that is', () =>
      use(async ({ store }) => {
        const take = (place: string, perMs: number) =>
          store.budgets.take('b', [{ name: 'requests', requests: 1, perMs }], { place, ...HOLD });
        assert.equal((await take('one', 60_000)).waitMs, 0);
        await store.budgets.settle('one');
        const { waitMs } = await take('two', 60_000);
        assert.ok(waitMs > 0 && waitMs <= 60_001, `${waitMs} ms`);
        await store.budgets.take('c', [{ name: 'requests', requests: 1, perMs: 0 }], { place: 'three', ...HOLD });
        await store.budgets.settle('three');
        while ((await store.budgets.take('c', hour(1), { place: 'four', ...HOLD })).waitMs > 0);
      }));

    it('takes a place in every window or in none', () =>
      use(async ({ store }) => {
        const windows = [...hour(2), { name: 'creations', requests: 1, perMs: 3_600_000 }];
        const take = (list: typeof windows, place: string) => store.budgets.take('b', list, { place, ...HOLD });
        assert.equal((await take(windows, 'one')).waitMs, 0);
        assert.ok((await take(windows, 'two')).waitMs > 0);
        assert.equal((await take(hour(2), 'three')).waitMs, 0, 'the refused one took nothing');
        assert.ok((await take(hour(2), 'four')).waitMs > 0);
      }));

    it('frees what was never settled after the time that it was held for', () =>
      use(async ({ store }) => {
        assert.equal((await store.budgets.take('b', hour(1), { place: 'lost', holdMs: 0 })).waitMs, 0);
        assert.equal((await store.budgets.take('b', hour(1), { place: 'next', ...HOLD })).waitMs, 0);
      }));

    it('lets nothing pass while it is paused, as long as the longest pause says', () =>
      use(async ({ store }) => {
        await store.budgets.pause('b', 'requests', 60_000);
        await store.budgets.pause('b', 'requests', 1_000);
        const { waitMs } = await store.budgets.take('b', hour(5), { place: 'one', ...HOLD });
        assert.ok(waitMs > 1_000 && waitMs <= 60_000, `${waitMs} ms`);
        const windows = [{ name: 'logs', requests: 5, perMs: 1 }];
        assert.equal((await store.budgets.take('b', windows, { place: 'two', ...HOLD })).waitMs, 0);
      }));
  });
}
