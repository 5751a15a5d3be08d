import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BudgetRecords, RecordedBudget } from './recorded-budget.ts';

const signal = new AbortController().signal;
const rules = { requests: { requests: 2, perMs: 60_000 }, creations: { requests: 1, perMs: 60_000 } };

/** Records of one process; `waits` are what the next takes are answered with, 0 without. */
function inMemory(...waits: number[]) {
  const taken: { budget: string; names: string[]; place: string }[] = [];
  const settled: string[] = [];
  const pauses: [string, number][] = [];
  const records: BudgetRecords = {
    async take(budget, windows, { place }) {
      const waitMs = waits.shift() ?? 0;
      if (waitMs === 0) taken.push({ budget, names: windows.map(({ name }) => name), place });
      return { waitMs };
    },
    async settle(place) {
      settled.push(place);
    },
    async pause(_budget, window, forMs) {
      pauses.push([window, forMs]);
    },
  };
  return { taken, settled, pauses, budget: new RecordedBudget({ name: 'b', rules, records }) };
}

test('a place is taken in the windows that have rules, and settled once its request is over', async () => {
  const { budget, taken, settled } = inMemory();
  const place = await budget.take({ windows: ['requests', 'creations', 'other'], mostWaitMs: 0, signal });
  assert.deepEqual(
    taken.map(({ budget: name, names }) => [name, names]),
    [['b', ['requests', 'creations']]],
  );
  assert.deepEqual(settled, []);
  place.settle();
  assert.deepEqual(
    settled,
    taken.map(one => one.place),
  );
});

test('whoever would have to wait too long is refused at once, with the time; a shorter wait is waited', async () => {
  const { budget, taken } = inMemory(60_000, 5);
  const take = () => budget.take({ windows: ['requests'], mostWaitMs: 30_000, signal });
  await assert.rejects(take(), { name: 'BudgetSpent', retryAfterMs: 60_000 });
  await take();
  assert.equal(taken.length, 1);
});

test('those of one window are served in order, and hold up no other window', async () => {
  const { budget } = inMemory(200);
  const order: string[] = [];
  const take = async (name: string, windows: string[]) => {
    await budget.take({ windows, mostWaitMs: 30_000, signal });
    order.push(name);
  };
  await Promise.all([
    take('first', ['requests']),
    take('second', ['requests']),
    take('creation', ['requests', 'creations']),
  ]);
  assert.deepEqual(order, ['creation', 'first', 'second']);
});

test('a pause holds back this process at once, and is told to the others', async () => {
  const { budget, taken, pauses } = inMemory();
  budget.pause('requests', 60_000);
  assert.deepEqual(pauses, [['requests', 60_000]]);
  const paused = budget.take({ windows: ['requests'], mostWaitMs: 30_000, signal });
  await assert.rejects(paused, { name: 'BudgetSpent' });
  assert.deepEqual(taken, []);
});

test('an abandoned wait leaves its place in the line', async () => {
  const { budget, taken } = inMemory(20_000);
  const gone = new AbortController();
  const take = (own: AbortSignal) => budget.take({ windows: ['requests'], mostWaitMs: 30_000, signal: own });
  const [waits, next] = [take(gone.signal), take(signal)];
  gone.abort(new Error('the caller left'));
  await assert.rejects(waits, /aborted|left/);
  await next;
  assert.equal(taken.length, 1);
});

test('records that cannot be written are an error, not a permission', async () => {
  const failing = async () => {
    throw new Error('the records are away');
  };
  const records = { take: failing, settle: failing, pause: failing };
  const budget = new RecordedBudget({ name: 'b', rules, records });
  await assert.rejects(budget.take({ windows: ['requests'], mostWaitMs: 0, signal }), /records are away/);
});
