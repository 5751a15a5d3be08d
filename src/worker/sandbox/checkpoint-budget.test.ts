import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CheckpointBudget } from './checkpoint-budget.ts';

const never = new AbortController().signal;

describe('the budget of automatic checkpoints', () => {
  it('lets no more than its share of the time be spent, after what was saved up', async () => {
    let now = 0;
    const budget = new CheckpointBudget({ share: 0.1, now: () => now });
    const work = (ms: number) => async () => {
      now += ms;
    };
    await budget.spend(work(4_000), never);
    assert.equal(budget.waitMs(), 0);
    await budget.spend(work(7_000), never);
    const owed = budget.waitMs();
    assert.ok(owed > 0);
    now += owed - 10;
    assert.ok(budget.waitMs() > 0);
    now += 20;
    assert.equal(budget.waitMs(), 0);
    now += 1_000_000;
    await budget.spend(work(9_999), never);
    assert.equal(budget.waitMs(), 0);
  });

  it('does one at a time, also after one that failed', async () => {
    const budget = new CheckpointBudget({ share: 1 });
    const order: string[] = [];
    const go = Promise.withResolvers<void>();
    const first = budget.spend(async () => {
      await go.promise;
      order.push('first');
      throw new Error('it failed');
    }, never);
    const second = budget.spend(async () => void order.push('second'), never);
    go.resolve();
    await assert.rejects(first, /it failed/);
    await second;
    assert.deepEqual(order, ['first', 'second']);
  });

  it('does not do what nobody wants any more when its turn comes', async () => {
    let now = 0;
    const budget = new CheckpointBudget({ share: 0.001, now: () => now });
    await budget.spend(async () => {
      now += 60_000;
    }, never);
    const stop = new AbortController();
    const waiting = budget.spend(async () => assert.fail('it was done'), stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(waiting);
  });
});
