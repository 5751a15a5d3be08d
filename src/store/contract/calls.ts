import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idsOf, newAuditRecord, paged, type Use } from './support.ts';

const key = { caller: 'alice', operation: 'run_python', key: 'k1' };

/** Idempotency keys and the audit chain. */
export function callsContract(name: string, use: Use): void {
  describe(`${name}: idempotency`, () => {
    it('is fresh, then pending, then done; other arguments conflict', () =>
      use(async ({ store }) => {
        const begin = (argsHash = 'h1', patch = {}) => store.idempotency.begin({ ...key, argsHash, ...patch });
        assert.deepEqual(await begin(), { state: 'fresh' });
        assert.deepEqual(await begin(), { state: 'pending' });
        assert.deepEqual(await begin('h2'), { state: 'conflict' });
        await store.idempotency.finish(key, { answer: 42 });
        assert.deepEqual(await begin(), { state: 'done', result: { answer: 42 } });
        assert.deepEqual(await begin('h2'), { state: 'conflict' });
        for (const other of [{ caller: 'bob' }, { operation: 'x' }, { key: 'k2' }]) {
          assert.deepEqual(await begin('h1', other), { state: 'fresh' });
        }
      }));

    it('is free again after a failure, and not after a result', () =>
      use(async ({ store }) => {
        const begin = (argsHash: string) => store.idempotency.begin({ ...key, argsHash });
        await begin('h1');
        await store.idempotency.forget(key);
        assert.deepEqual(await begin('h2'), { state: 'fresh' });
        await store.idempotency.finish(key, {});
        await store.idempotency.forget(key);
        assert.deepEqual(await begin('h2'), { state: 'done', result: {} });
      }));

    it('is fresh for exactly one of many that begin at once', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, i) => stores[i % 2]?.idempotency.begin({ ...key, argsHash: 'h' })),
        );
        assert.deepEqual(answers.map(answer => answer?.state).sort(), ['fresh', ...Array(9).fill('pending')]);
      }));

    it('is remembered for a day, then free and pruned', () =>
      use(async ({ store, execute }) => {
        const begin = (name: string, argsHash: string) => store.idempotency.begin({ ...key, key: name, argsHash });
        for (const one of ['a', 'b', 'c']) await begin(one, 'h1');
        await store.idempotency.finish({ ...key, key: 'a' }, {});
        await execute(`update idempotency set expires_at = expires_at - ${24 * 3600 * 1000} where key <> 'c'`);
        assert.deepEqual(await begin('a', 'h2'), { state: 'fresh' });
        assert.equal(await store.idempotency.prune(), 1);
        assert.deepEqual(await begin('c', 'h1'), { state: 'pending' });
      }));
  });

  describe(`${name}: audit`, () => {
    const records = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        newAuditRecord({ durationMs: i / 3, outcome: i % 2 ? 'ok' : 'DISK_FULL' }),
      );

    it('keeps records in order and verifies the chain over pages and appends', () =>
      use(async ({ store, openAnother }) => {
        assert.deepEqual(await store.audit.verify(), { records: 0, brokenAt: null });
        const first = records(1500);
        await store.audit.append(first);
        await store.audit.append([]);
        const stores = [store, await openAnother()];
        await Promise.all(Array.from({ length: 10 }, (_, i) => stores[i % 2]?.audit.append(records(60))));
        assert.deepEqual(await store.audit.verify(), { records: 2100, brokenAt: null });
        const listed = await paged(query => store.audit.list(query), 200);
        assert.equal(listed.length, 2100);
        assert.deepEqual(
          listed
            .slice(-1500)
            .toReversed()
            .map(({ hash, ...record }) => record),
          first,
        );
        assert.equal(new Set(listed.map(record => record.hash)).size, 2100);
      }));

    it('lists by caller and operation', () =>
      use(async ({ store }) => {
        const wanted = newAuditRecord({ caller: 'bob', operation: 'fs_read' });
        await store.audit.append([newAuditRecord({ caller: 'bob' }), wanted, newAuditRecord({ operation: 'fs_read' })]);
        const { rows } = await store.audit.list({ limit: 9, caller: 'bob', operation: 'fs_read' });
        assert.deepEqual(idsOf(rows), [wanted.id]);
      }));

    for (const [what, statement, expected] of [
      ['changed', `update audit set outcome = 'forged' where seq = 3`, 3],
      ['re-hashed', `update audit set hash = '${'0'.repeat(64)}' where seq = 3`, 3],
      ['removed from the middle', 'delete from audit where seq = 3', 4],
      ['removed from the start', 'delete from audit where seq = 1', 2],
      ['removed from the end', 'delete from audit where seq >= 5', 4],
      ['swapped', 'update audit set seq = case seq when 2 then -3 else -2 end where seq in (2, 3)', 4],
    ] as const) {
      it(`notices a record that was ${what}`, () =>
        use(async ({ store, execute }) => {
          const written = records(5);
          await store.audit.append(written);
          await execute(statement);
          const { brokenAt } = await store.audit.verify();
          assert.equal(brokenAt, written[expected - 1]?.id);
          assert.match((await store.checkIntegrity()).join('\n'), /audit/);
        }));
    }
  });
}
