import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pace } from './pace.ts';

const one = {};

test('so many requests may come at once, and each further one when its time has come', () => {
  let now = 0;
  const pace = new Pace({ burst: 3, perSecond: 2, now: () => now });
  assert.equal(pace.waitMs(), 0);
  pace.took(3, { of: one });
  assert.equal(pace.waitMs(), 500);
  now = 500;
  assert.equal(pace.waitMs(), 0);
  pace.took(4, { of: one });
  assert.equal(pace.waitMs(), 2000);
});

test('another client has its own share', () => {
  const pace = new Pace({ burst: 3, perSecond: 2, now: () => 0 });
  pace.took(3, { of: one });
  pace.took(2, { of: {} });
  assert.equal(pace.waitMs(), 0);
});

test('in no stretch of time more is taken than the burst and what the time allows, and one look', () => {
  const looks = fc.array(fc.record({ requests: fc.integer({ min: 1, max: 13 }), later: fc.nat(5000) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(looks, all => {
      let now = 0;
      const pace = new Pace({ burst: 10, perSecond: 0.5, now: () => now });
      const taken: { at: number; requests: number }[] = [];
      for (const { requests, later } of all) {
        now += Math.max(later, pace.waitMs());
        pace.took(requests, { of: one });
        taken.push({ at: now, requests });
        const [first] = taken;
        const allowed = 10 + ((now - (first?.at ?? 0)) / 1000) * 0.5 + 12;
        assert.ok(taken.reduce((sum, look) => sum + look.requests, 0) <= allowed + 1e-6);
      }
    }),
  );
});
