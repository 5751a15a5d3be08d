import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VIGIL_MS, Vigil } from './vigil.ts';

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};

describe('vigil', () => {
  function vigilOf(processors = 2) {
    const clock = { now: 0 };
    let looks = 0;
    const vigil = new Vigil({ clock: () => clock.now, processors });
    const keep = (isOver = () => false) =>
      vigil.keep(() => {
        looks += 1;
        return isOver();
      });
    return { clock, keep, looks: () => looks };
  }

  test('lasts until it is over', async () => {
    const { keep, looks } = vigilOf();
    keep(() => looks() === 3);
    await turns(10);
    assert.equal(looks(), 3);
  });

  test('lasts no longer than its time', async () => {
    const { clock, keep, looks } = vigilOf();
    keep();
    await turns(5);
    const before = looks();
    assert.ok(before >= 4);
    clock.now += VIGIL_MS;
    await turns(5);
    assert.equal(looks(), before + 1);
  });

  test('is kept once at a time, and again afterwards', async () => {
    const { clock, keep, looks } = vigilOf();
    keep();
    keep(() => assert.fail('it was kept twice'));
    clock.now += VIGIL_MS;
    await turns(3);
    assert.equal(looks(), 1);
    keep(() => true);
    await turns(3);
    assert.equal(looks(), 2);
  });

  test('is not kept on the only processor', async () => {
    const { keep, looks } = vigilOf(1);
    keep();
    await turns(3);
    assert.equal(looks(), 0);
  });
});
