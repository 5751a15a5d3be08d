import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { localCaller } from '../../auth/caller.ts';
import { limitsSchema } from '../../config/limits.ts';
import { AppError } from '../../errors/app-error.ts';
import { CallerLimits } from './caller-limits.ts';

const ada = { id: 'user:ada' };

function limitsWith(config: object, used = 0) {
  const clock = { now: 0 };
  const limits = new CallerLimits(limitsSchema.parse(config), { usedBytes: async () => used }, () => clock.now);
  return { clock, limits };
}

function refusalOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  return assert.fail('it was not refused');
}

describe('limits of callers', () => {
  it('are none for the local caller, whatever is configured', async () => {
    const { limits } = limitsWith(
      { calls_per_minute: 1, concurrent_calls: 1, bytes: 0, callers: { local: { bytes: 1 } } },
      9,
    );
    for (let at = 0; at < 100; at += 1) limits.enter(localCaller);
    await limits.requireRoom(localCaller.id);
    assert.equal(limits.of(localCaller.id), undefined);
  });

  it('let through so many calls in a minute, and say when the next may come', () => {
    const { clock, limits } = limitsWith({ calls_per_minute: 60 });
    for (let at = 0; at < 60; at += 1) limits.enter(ada)();
    const refusal = refusalOf(() => limits.enter(ada));
    assert.equal(refusal.code, 'RATE_LIMITED');
    assert.equal(refusal.details.retry_after_seconds, 1);
    limits.enter({ id: 'user:eve' })();
    clock.now += 1000;
    limits.enter(ada)();
    assert.equal(refusalOf(() => limits.enter(ada)).code, 'RATE_LIMITED');
    clock.now += 3_600_000;
    for (let at = 0; at < 60; at += 1) limits.enter(ada)();
    assert.equal(refusalOf(() => limits.enter(ada)).code, 'RATE_LIMITED');
  });

  it('let through so many at a time; one that has ended twice counts once', () => {
    const { limits } = limitsWith({ concurrent_calls: 2 });
    const leave = limits.enter(ada);
    limits.enter(ada);
    assert.equal(refusalOf(() => limits.enter(ada)).code, 'RATE_LIMITED');
    leave();
    leave();
    limits.enter(ada);
    assert.equal(refusalOf(() => limits.enter(ada)).code, 'RATE_LIMITED');
  });

  it('differ for those that the configuration names', () => {
    const { limits } = limitsWith({ workspaces: 3, callers: { 'user:ada': { workspaces: 7 } } });
    assert.equal(limits.of('user:ada')?.workspaces, 7);
    assert.equal(limits.of('user:ada')?.sessions, limits.of('user:eve')?.sessions);
    assert.equal(limits.of('constructor')?.workspaces, 3);
  });

  it('keep runs from a caller whose files take up all that they may', async () => {
    const full = limitsWith({ bytes: 100 }, 100).limits;
    await assert.rejects(full.requireRoom(ada.id), { code: 'CAPACITY_EXCEEDED' });
    await limitsWith({ bytes: 100 }, 99).limits.requireRoom(ada.id);
  });

  it('ask for the sum of bytes no more often than they have to', async () => {
    let asked = 0;
    const clock = { now: 0 };
    const store = { usedBytes: async () => (asked += 1) };
    const limits = new CallerLimits(limitsSchema.parse({}), store, () => clock.now);
    await limits.requireRoom(ada.id);
    await limits.requireRoom(ada.id);
    assert.equal(asked, 1);
    clock.now += 6000;
    await limits.requireRoom(ada.id);
    assert.equal(asked, 2);
  });
});
