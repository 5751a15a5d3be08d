import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withBench } from '../../test/support/hub-under-test.ts';
import { AppError } from '../errors/app-error.ts';
import { migrationNames } from '../store/migrations.ts';
import { attempted } from './checks.ts';
import { uploadsCheck } from './contents.ts';
import { validityCheck } from './fabric.ts';
import { memberChecks } from './members.ts';
import { clockCheck, schemaCheck } from './records.ts';

describe('what doctor says', () => {
  it('of tables: up to date, older, or of a newer version, which is a fault', () => {
    const known = migrationNames();
    assert.equal(schemaCheck(known).state, 'ok');
    assert.deepEqual([schemaCheck([]).state, schemaCheck([]).detail], ['warn', 'no tables yet']);
    assert.equal(schemaCheck(known.slice(0, 1)).state, 'warn');
    assert.equal(schemaCheck([...known, '9999-future']).state, 'fail');
  });

  it('of clocks: whose is behind', () => {
    assert.equal(clockCheck({ clockAheadMs: -500 }).state, 'ok');
    const { state, detail } = clockCheck({ clockAheadMs: 5_000 });
    assert.deepEqual([state, detail], ['warn', '5.0 s behind that of the database']);
    assert.equal(clockCheck({ clockAheadMs: -3_600_000 }).state, 'fail');
    assert.match(clockCheck({ clockAheadMs: -3_600_000 }).detail, /ahead of/);
  });

  it('of a token: for whom, and whether it ends soon', () => {
    const now = Date.UTC(2026, 0, 1);
    const identity = { worker: 'w1' };
    assert.deepEqual(validityCheck({ identity }, now).detail, 'for worker w1, without end');
    assert.equal(validityCheck({ identity, expiresAt: now + 30 * 86_400_000 }, now).state, 'ok');
    assert.equal(validityCheck({ identity, expiresAt: now + 86_400_000 }, now).state, 'warn');
  });

  it('of uploads that were broken off', () => {
    assert.deepEqual(
      [true, false, undefined].map(removes => uploadsCheck(removes).state),
      ['ok', 'warn', 'ok'],
    );
  });

  it('of an error that says how to go on: just that', async () => {
    const failing = (error: Error) => attempted('x', 'look', () => Promise.reject(error));
    const known = new AppError('UNAUTHORIZED', 'revoked', { hint: 'make a new one' });
    assert.deepEqual(await failing(known), [{ name: 'x', state: 'fail', detail: 'revoked', fix: 'make a new one' }]);
    assert.deepEqual(await failing(new Error('no')), [{ name: 'x', state: 'fail', detail: 'no', fix: 'look' }]);
  });

  it(
    'of members: who is there, who was lost, and who runs another version',
    withBench(async bench => {
      const states = async () =>
        (await memberChecks(bench.store, '2.0.0')).map(({ name, state }) => `${name} ${state}`);
      assert.deepEqual(await states(), ['hubs warn', 'workers warn']);
      await bench.hub();
      const card = { boot: 'b', site: 's', slots: 2, labels: {}, isDraining: false };
      const join = (id: string, capabilities: object, lease: number) =>
        bench.store.workers.join({ ...card, id, capabilities: { ...capabilities } }, lease);
      await join('gone', {}, 0);
      await bench.store.workers.reap(await bench.store.now());
      await join('new', { versions: { boxswain: '2.0.0' } }, 60);
      await join('old', { versions: { boxswain: '1.0.0' }, engines: [{ stale: ['kernel 4.1 is old'] }] }, 60);
      assert.deepEqual(await states(), [
        'hubs ok',
        'workers ok',
        'lost workers warn',
        'worker old warn',
        'worker old warn',
      ]);
    }),
  );
});
