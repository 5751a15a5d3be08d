import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { BudgetSpent, type Place, RateBudget } from './rate-budget.ts';

const RULES = { few: { requests: 3, perMs: 1000 }, many: { requests: 5, perMs: 400 } };

function budgetOf(t: TestContext): RateBudget {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  return new RateBudget(RULES, { now: Date.now });
}

/** Lets everything run that waits for promises only. */
const settled = () => new Promise<void>(resolve => setImmediate(resolve));

const never = new AbortController().signal;

test('no stretch of a window ever holds more requests than its rule', async t => {
  const budget = budgetOf(t);
  const request = fc.record({
    at: fc.integer({ min: 0, max: 3000 }),
    lasts: fc.integer({ min: 0, max: 500 }),
    arrives: fc.double({ min: 0, max: 1, noNaN: true }),
    windows: fc.constantFrom(['few'], ['many'], ['many', 'few']),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 30 }), async requests => {
      const seen: { at: number; windows: readonly string[] }[] = [];
      const begin = Date.now();
      const all = requests.map(async ({ at, lasts, arrives, windows }) => {
        await new Promise<void>(resolve => setTimeout(resolve, at));
        const place = await budget.take({ windows, mostWaitMs: 60_000, signal: never });
        seen.push({ at: Date.now() + lasts * arrives, windows });
        await new Promise<void>(resolve => setTimeout(resolve, lasts));
        place.settle();
      });
      let isDone = false;
      Promise.all(all).then(() => {
        isDone = true;
      });
      while (!isDone) {
        assert.ok(Date.now() - begin < 120_000, 'requests wait for ever');
        t.mock.timers.tick(25);
        await settled();
      }
      for (const [name, { requests: most, perMs }] of Object.entries(RULES)) {
        const times = seen.filter(each => each.windows.includes(name)).map(each => each.at);
        for (const at of times) {
          const within = times.filter(other => other >= at && other < at + perMs).length;
          assert.ok(within <= most, `${within} in a window of ${name}`);
        }
      }
    }),
    { numRuns: 25 },
  );
});

test('a request that certainly finds no place in time is refused at once, with the time at which one is free', async t => {
  const budget = budgetOf(t);
  for (const place of await take(budget, 3)) place.settle();
  t.mock.timers.tick(100);
  await assert.rejects(
    budget.take({ windows: ['few'], mostWaitMs: 500, signal: never }),
    (error: unknown) => error instanceof BudgetSpent && error.retryAfterMs === 900,
  );
});

test('a request waits for one that is under way, and is refused when its time is over', async t => {
  const budget = budgetOf(t);
  await take(budget, 3);
  const waiting = budget.take({ windows: ['few'], mostWaitMs: 500, signal: never });
  const refused = assert.rejects(waiting, BudgetSpent);
  t.mock.timers.tick(502);
  await refused;
});

test('who waits is served in order, once a window after the answers', async t => {
  const budget = budgetOf(t);
  const places = await take(budget, 3);
  const order: string[] = [];
  for (const name of ['first', 'second'])
    budget.take({ windows: ['few'], mostWaitMs: 10_000, signal: never }).then(() => order.push(name));
  for (const place of places) place.settle();
  t.mock.timers.tick(999);
  await settled();
  assert.deepEqual(order, []);
  t.mock.timers.tick(2);
  await settled();
  assert.deepEqual(order, ['first', 'second']);
});

test('an abandoned wait takes no place', async t => {
  const budget = budgetOf(t);
  const places = await take(budget, 3);
  const caller = new AbortController();
  const waiting = budget.take({ windows: ['few'], mostWaitMs: 10_000, signal: caller.signal });
  caller.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/);
  for (const place of places) place.settle();
  t.mock.timers.tick(1001);
  assert.equal((await take(budget, 3)).length, 3);
});

test('a pause holds back one window, also one without a rule, and no other', async t => {
  const budget = budgetOf(t);
  budget.pause('free', 2000);
  let isThrough = false;
  budget.take({ windows: ['free'], mostWaitMs: 10_000, signal: never }).then(() => {
    isThrough = true;
  });
  await take(budget, 1);
  t.mock.timers.tick(1999);
  await settled();
  assert.equal(isThrough, false);
  t.mock.timers.tick(2);
  await settled();
  assert.equal(isThrough, true);
});

function take(budget: RateBudget, count: number): Promise<Place[]> {
  const options = { windows: ['few'], mostWaitMs: 0, signal: never };
  return Promise.all(Array.from({ length: count }, () => budget.take(options)));
}
