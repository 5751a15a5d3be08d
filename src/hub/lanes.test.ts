import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LaneBook } from './lanes.ts';

const settled = async (promise: Promise<void> | undefined): Promise<boolean> => {
  if (promise === undefined) return true;
  let isSettled = false;
  promise.then(() => {
    isSettled = true;
  });
  // Two turns of the microtask queue are enough for a promise that is resolved already.
  await Promise.resolve();
  await Promise.resolve();
  return isSettled;
};

describe('lanes', () => {
  it('reach the first place at once and the next when it is done', async () => {
    const lanes = new LaneBook();
    const [first, second] = [lanes.take('a'), lanes.take('a')];
    assert.equal(await settled(first.reached()), true);
    assert.equal(await settled(second.reached()), false);
    first.done();
    assert.equal(await settled(second.reached()), true);
  });

  it('do not wait for other keys', async () => {
    const lanes = new LaneBook();
    lanes.take('a');
    assert.equal(await settled(lanes.take('b').reached()), true);
  });

  it('pass over a place whose caller gave up before it was reached', async () => {
    const lanes = new LaneBook();
    const [first, second, third] = [lanes.take('a'), lanes.take('a'), lanes.take('a')];
    second.done();
    assert.equal(await settled(third.reached()), false);
    first.done();
    assert.equal(await settled(third.reached()), true);
  });

  it('take a repeated done for one', async () => {
    const lanes = new LaneBook();
    const [first, second, third] = [lanes.take('a'), lanes.take('a'), lanes.take('a')];
    first.done();
    first.done();
    assert.equal(await settled(second.reached()), true);
    assert.equal(await settled(third.reached()), false);
  });

  it('reach exactly the places before which all are done, and vanish when empty', async () => {
    const steps = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), leave: fc.option(fc.nat()) }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(steps, async actions => {
        const lanes = new LaneBook();
        const places: { key: string; isDone: boolean; turn: ReturnType<LaneBook['take']> }[] = [];
        for (const { key, leave } of actions) {
          const leaving = leave === null ? undefined : places[leave % Math.max(places.length, 1)];
          if (leaving === undefined) places.push({ key, isDone: false, turn: lanes.take(key) });
          else {
            leaving.turn.done();
            leaving.isDone = true;
          }
        }
        for (const [index, place] of places.entries()) {
          const isFirst = places.slice(0, index).every(other => other.key !== place.key || other.isDone);
          // A place that left early need not have been reached.
          if (!place.isDone) assert.equal(await settled(place.turn.reached()), isFirst);
        }
        const open = new Set(places.filter(place => !place.isDone).map(place => place.key));
        assert.equal(lanes.size, open.size);
        for (const place of places) place.turn.done();
        assert.equal(lanes.size, 0);
      }),
    );
  });
});
