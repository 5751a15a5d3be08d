import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LeaseWatch } from './lease-watch.ts';

describe('the watch over leases', () => {
  it('ends none before the store was there for a whole lease', () => {
    const watch = new LeaseWatch({ leaseMs: 3000 });
    assert.deepEqual(
      [0, 1000, 2000, 2999, 3000, 3400].map(at => watch.look(50_000 + at)),
      [undefined, undefined, undefined, undefined, 52_999, 53_000],
    );
  });

  it('waits a whole lease again after the store was away, or answered late, or its clock was set back', () => {
    for (const interrupt of [
      (watch: LeaseWatch) => watch.missed(),
      (watch: LeaseWatch) => watch.look(60_000),
      (watch: LeaseWatch) => watch.look(10_000),
    ]) {
      const watch = new LeaseWatch({ leaseMs: 3000 });
      for (let now = 50_000; now <= 54_000; now += 500) watch.look(now);
      interrupt(watch);
      const answers = Array.from({ length: 5 }, (_, i) => watch.look(60_500 + i * 500));
      assert.deepEqual(
        answers,
        Array.from({ length: 5 }, () => undefined),
      );
      watch.look(63_500);
      assert.equal(watch.look(64_000), 63_500);
    }
  });

  it('never ends a lease that was renewed within a lease before a break', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ gap: fc.integer({ min: 1, max: 4000 }), isMissed: fc.boolean() })), looks => {
        const watch = new LeaseWatch({ leaseMs: 3000 });
        let [now, healthySince] = [0, 0];
        let isBroken = true;
        for (const { gap, isMissed } of looks) {
          now += gap;
          if (isMissed) {
            watch.missed();
            isBroken = true;
            continue;
          }
          if (isBroken || gap > 1500) healthySince = now;
          isBroken = false;
          const asOf = watch.look(now);
          assert.ok(asOf === undefined || (now - healthySince >= 3000 && asOf >= healthySince && asOf < now));
        }
      }),
    );
  });
});
