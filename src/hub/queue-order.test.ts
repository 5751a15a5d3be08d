import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { WaitingRecord } from '../store/rows.ts';
import { hasLabels, type Room, whoseTurn } from './queue-order.ts';

const request = (id: string, caller: string, labels: Record<string, string> = {}): WaitingRecord => ({
  id,
  caller,
  hub: 'h1',
  labels,
});
const room = (freeSlots: number, labels: Record<string, string> = {}, worker = 'w1'): Room => ({
  worker,
  labels,
  freeSlots,
});
const line = (waiting: WaitingRecord[], held: Record<string, number> = {}) => ({
  waiting,
  held: new Map(Object.entries(held)),
});

describe('whose turn it is', () => {
  it('is that of the oldest among callers who have equally much', () => {
    const waiting = ['a', 'b', 'c'].map(id => request(id, `caller of ${id}`));
    assert.deepEqual([...whoseTurn(line(waiting), [room(2)])], ['a', 'b']);
  });

  it('is that of a caller who has less, however long the others have waited', () => {
    const flood = Array.from({ length: 50 }, (_, at) => request(`flood${at}`, 'flooder'));
    const waiting = [...flood, request('late', 'modest')];
    assert.deepEqual([...whoseTurn(line(waiting, { flooder: 3 }), [room(1)])], ['late']);
  });

  it('goes round among callers as they get slots', () => {
    const waiting = [
      request('a1', 'a'),
      request('a2', 'a'),
      request('a3', 'a'),
      request('b1', 'b'),
      request('c1', 'c'),
    ];
    assert.deepEqual([...whoseTurn(line(waiting), [room(4)])], ['a1', 'b1', 'c1', 'a2']);
  });

  it('passes over those whom no free slot fits', () => {
    const waiting = [request('gpu', 'a', { gpu: 'yes' }), request('any', 'b')];
    const rooms = [room(0, { gpu: 'yes' }, 'w1'), room(1, {}, 'w2')];
    assert.deepEqual([...whoseTurn(line(waiting), rooms)], ['any']);
    assert.deepEqual([...whoseTurn(line(waiting), [room(1, { gpu: 'yes' })])], ['gpu']);
  });

  it("is nobody's without a free slot, or a line", () => {
    assert.equal(whoseTurn(line([request('a', 'a')]), [room(0), room(-3)]).size, 0);
    assert.equal(whoseTurn(line([]), [room(5)]).size, 0);
  });

  it('never gives more slots than there are, leaves none free that somebody fits, and envies nobody', () => {
    const labels = fc.constantFrom<Record<string, string>>({}, { zone: 'a' }, { zone: 'b' });
    const waitingOf = fc.array(fc.record({ caller: fc.constantFrom('a', 'b', 'c'), labels }), { maxLength: 20 });
    const roomsOf = fc.array(fc.record({ freeSlots: fc.integer({ min: -1, max: 4 }), labels }), { maxLength: 4 });
    const heldOf = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(5));
    fc.assert(
      fc.property(waitingOf, roomsOf, heldOf, (asked, given, held) => {
        const waiting = asked.map(({ caller, labels: wanted }, at) => request(`r${at}`, caller, wanted));
        const rooms = given.map(({ freeSlots, labels: has }, at) => room(freeSlots, has, `w${at}`));
        const chosen = whoseTurn(line(waiting, held), rooms);
        const free = rooms.reduce((sum, { freeSlots }) => sum + Math.max(0, freeSlots), 0);
        assert.ok(chosen.size <= free);
        // Where all slots suit all, the fairness shows in plain numbers.
        if (waiting.some(({ labels: wanted }) => Object.keys(wanted).length > 0)) return;
        assert.equal(chosen.size, Math.min(free, waiting.length));
        const has = (caller: string) =>
          (held[caller] ?? 0) + waiting.filter(one => one.caller === caller && chosen.has(one.id)).length;
        for (const left of waiting.filter(({ id }) => !chosen.has(id))) {
          for (const { caller } of waiting.filter(({ id }) => chosen.has(id))) {
            assert.ok(caller === left.caller || has(caller) - 1 <= has(left.caller));
          }
        }
      }),
    );
  });
});

describe('labels', () => {
  it("must all be there with their values, as the worker's own", () => {
    assert.ok(hasLabels({ zone: 'a', gpu: 'yes' }, { zone: 'a' }));
    assert.ok(hasLabels({}, {}));
    assert.ok(!hasLabels({ zone: 'b' }, { zone: 'a' }));
    assert.ok(!hasLabels({}, { constructor: 'x' }));
  });
});
