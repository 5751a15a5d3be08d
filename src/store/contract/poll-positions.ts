import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Use } from './support.ts';

const at = (filters: string, seq: number, { offset = 0, isForward = true } = {}) => ({
  filters,
  seq,
  offset,
  isForward,
});

export function pollPositionsContract(name: string, use: Use): void {
  describe(`${name}: positions of polls`, () => {
    it('are those of one connection and its filters, at every hub, until it ends', () =>
      use(async ({ store, openAnother }) => {
        const elsewhere = (await openAnother()).pollPositions;
        const { pollPositions } = store;
        assert.equal(await elsewhere.get('c', 'all'), undefined);
        await pollPositions.begin('c');
        await elsewhere.begin('c');
        const began = (await elsewhere.get('c', 'all')) ?? assert.fail('no beginning');
        assert.ok('since' in began && Math.abs(began.since - (await store.now())) < 60_000);
        await pollPositions.set('c', at('all', 3, { offset: 2 }));
        await elsewhere.set('c', at('some', 9));
        assert.deepEqual(await elsewhere.get('c', 'all'), { seq: 3, offset: 2 });
        assert.deepEqual(await pollPositions.get('c', 'some'), { seq: 9, offset: 0 });
        assert.equal(await pollPositions.get('d', 'all'), undefined);
        await elsewhere.end('c');
        assert.equal(await pollPositions.get('c', 'all'), undefined);
      }));

    it('go back only where that is wanted', () =>
      use(async ({ store: { pollPositions } }) => {
        await pollPositions.set('c', at('all', 5, { offset: 1 }));
        for (const earlier of [at('all', 4, { offset: 9 }), at('all', 5)]) await pollPositions.set('c', earlier);
        assert.deepEqual(await pollPositions.get('c', 'all'), { seq: 5, offset: 1 });
        await pollPositions.set('c', at('all', 2, { isForward: false }));
        assert.deepEqual(await pollPositions.get('c', 'all'), { seq: 2, offset: 0 });
      }));

    it('are kept for the hundred filters that a connection used last, and for connections that poll', () =>
      use(async ({ store: { pollPositions, now }, execute }) => {
        await pollPositions.begin('c');
        await execute('update poll_position set updated_at = 10');
        for (let i = 0; i < 100; i++) await pollPositions.set('c', at(`f${i}`, 1));
        await execute(`update poll_position set updated_at = 20 where filters = 'f7'`);
        await pollPositions.set('c', at('one more', 1));
        assert.deepEqual(await pollPositions.get('c', 'f7'), { since: 10 });
        assert.deepEqual(await pollPositions.get('c', 'f8'), { seq: 1, offset: 0 });
        assert.equal(await pollPositions.prune(15), 1);
        assert.equal(await pollPositions.get('c', 'f7'), undefined);
        assert.equal(await pollPositions.prune((await now()) + 60_000), 100);
      }));
  });
}
