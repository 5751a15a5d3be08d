import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditQuery } from '../audit/store.ts';
import type { Store } from '../store.ts';
import { idsOf, newAuditRecord, paged, type Use } from './support.ts';

const key = { caller: 'alice', operation: 'run_python', key: 'k1' };

const beginAt =
  (store: Store, owner: string) =>
  (patch: { caller?: string; operation?: string; key?: string; argsHash?: string } = {}) =>
    store.idempotency.begin({ ...key, argsHash: 'args', owner, ...patch });

/** Idempotency keys, the hubs that own them, and the audit chain. */
export function callsContract(name: string, use: Use): void {
  describe(`${name}: idempotency`, () => {
    const LEASE_SECONDS = 60;

    it('is fresh, then pending, then done; other arguments conflict', () =>
      use(async ({ store }) => {
        const begin = beginAt(store, 'h2');
        await store.hubs.beat('h1', LEASE_SECONDS);
        assert.equal((await beginAt(store, 'h1')()).state, 'fresh');
        assert.deepEqual(await begin(), { state: 'pending' });
        assert.deepEqual(await begin({ argsHash: 'other' }), { state: 'conflict' });
        await store.idempotency.finish(key, { answer: 42 });
        assert.deepEqual(await begin(), { state: 'done', result: { answer: 42 } });
        await store.idempotency.finish(key, { answer: 43 });
        assert.deepEqual(await begin(), { state: 'done', result: { answer: 42 } });
        assert.deepEqual(await begin({ argsHash: 'other' }), { state: 'conflict' });
        for (const other of [{ caller: 'bob' }, { operation: 'x' }, { key: 'k2' }]) {
          assert.equal((await begin(other)).state, 'fresh');
        }
      }));

    it('is free again after a failure, and not after a result', () =>
      use(async ({ store }) => {
        const begin = beginAt(store, 'h1');
        await begin();
        await store.idempotency.forget(key, { owner: 'h1' });
        assert.equal((await begin({ argsHash: 'other' })).state, 'fresh');
        await store.idempotency.finish(key, {});
        await store.idempotency.forget(key, { owner: 'h1' });
        assert.deepEqual(await begin({ argsHash: 'other' }), { state: 'done', result: {} });
      }));

    it('is begun again with the same nonce after a failure that may have left something, by any hub', () =>
      use(async ({ store }) => {
        for (const hub of ['h1', 'h2']) await store.hubs.beat(hub, LEASE_SECONDS);
        const first = await beginAt(store, 'h1')();
        await store.idempotency.release(key, { owner: 'h2' });
        assert.deepEqual(await beginAt(store, 'h2')(), { state: 'pending' }, 'it is not the other’s to give up');
        await store.idempotency.release(key, { owner: 'h1' });
        assert.deepEqual(await beginAt(store, 'h2')({ argsHash: 'other' }), { state: 'conflict' });
        assert.deepEqual(await beginAt(store, 'h2')(), first);
        await store.idempotency.finish(key, {});
        await store.idempotency.release(key, { owner: 'h2' });
        assert.deepEqual(await beginAt(store, 'h1')(), { state: 'done', result: {} });
      }));

    it('is fresh for exactly one of many that begin at once, also when all take it over', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const beginAll = async () => {
          const hubs = Array.from({ length: 10 }, (_, i) => ({ id: `h${i}`, store: stores[i % 2] ?? store }));
          for (const { id } of hubs) await store.hubs.beat(id, LEASE_SECONDS);
          const answers = await Promise.all(hubs.map(({ id, store: at }) => beginAt(at, id)()));
          assert.deepEqual(answers.map(answer => answer.state).sort(), ['fresh', ...Array(9).fill('pending')]);
          return hubs[answers.findIndex(answer => answer.state === 'fresh')]?.id ?? '';
        };
        const first = await beginAll();
        await store.hubs.leave(first);
        assert.equal((await beginAt(store, 'late')()).state, 'fresh', 'nobody owns it');
        assert.ok(await beginAll(), 'the one that took it over never had a lease');
      }));

    it('is taken over with the same nonce when its hub has left, or its lease ran out', () =>
      use(async ({ store, execute }) => {
        const begin = beginAt(store, 'h2');
        for (const hub of ['h1', 'h2']) await store.hubs.beat(hub, LEASE_SECONDS);
        const first = await beginAt(store, 'h1')();
        assert.ok(first.state === 'fresh' && first.nonce.length >= 32);
        assert.deepEqual(await begin(), { state: 'pending' });
        await store.hubs.leave('h1');
        assert.deepEqual(await begin({ argsHash: 'other' }), { state: 'conflict' });
        assert.deepEqual(await begin(), first);

        await store.hubs.beat('h1', LEASE_SECONDS);
        assert.deepEqual(await beginAt(store, 'h1')(), { state: 'pending' }, 'it is the other’s now');
        await store.idempotency.forget(key, { owner: 'h1' });
        assert.deepEqual(
          await beginAt(store, 'h1')(),
          { state: 'pending' },
          'a late failure of the first frees nothing',
        );
        await execute(`update hub set lease_until = lease_until - ${LEASE_SECONDS * 1000} where id = 'h2'`);
        assert.deepEqual(await beginAt(store, 'h1')(), first);
        await store.idempotency.finish(key, { answer: 42 });
        assert.deepEqual(await begin(), { state: 'done', result: { answer: 42 } });
      }));

    it('is begun again by its own hub, which could not write down how it ended', () =>
      use(async ({ store }) => {
        await store.hubs.beat('h1', LEASE_SECONDS);
        const first = await beginAt(store, 'h1')();
        assert.deepEqual(await beginAt(store, 'h1')(), first);
        const other = await beginAt(store, 'h1')({ key: 'k2' });
        assert.ok(first.state === 'fresh' && other.state === 'fresh' && other.nonce !== first.nonce);
      }));

    it('is taken over from an earlier version of this program', () =>
      use(async ({ openAnother, execute }) => {
        const past = 60 * 60 * 1000;
        for (const statement of [
          ...['is_automatic', 'sequence'].map(column => `alter table checkpoint drop column ${column}`),
          ...['drained_by', 'is_reaped'].map(column => `alter table worker drop column ${column}`),
          ...[
            'waiting',
            'hub',
            'client_session',
            'session',
            'turn',
            'permission',
            'caller_state',
            'poll_position',
            'session_upload',
            'hook_token',
            'terminal',
            'presence',
            'mirror',
            'budget_place',
            'budget_pause',
            'fleet_watch',
            'fleet_look',
            'fleet_change',
            'codegen_run',
            'api_token',
            'auth_user',
            'auth_record',
            'share',
            'audit_anchor',
          ].map(table => `drop table ${table}`),
          ...[
            'artifact_of_caller',
            'checkpoint_of_caller',
            'task_unfinished',
            'event_turn_end',
            'audit_of_caller',
            'audit_time',
          ].map(index => `drop index ${index}`),
          'alter table idempotency drop column owner',
          'alter table idempotency drop column nonce',
          `delete from kysely_migration where name >= '0002'`,
          `insert into idempotency (caller, operation, key, args_hash, expires_at)
             values ('${key.caller}', '${key.operation}', '${key.key}', 'args', ${Date.now() + past})`,
        ])
          await execute(statement);
        const upgraded = await openAnother();
        assert.equal((await beginAt(upgraded, 'h1')()).state, 'fresh');
        await upgraded.hubs.beat('h1', LEASE_SECONDS);
        assert.deepEqual(await beginAt(upgraded, 'h2')(), { state: 'pending' });
      }));

    it('is remembered for a day, then free and pruned', () =>
      use(async ({ store, execute }) => {
        await store.hubs.beat('h1', LEASE_SECONDS);
        const nonces = new Map<string, unknown>();
        for (const one of ['a', 'b', 'c']) nonces.set(one, await beginAt(store, 'h1')({ key: one }));
        await store.idempotency.finish({ ...key, key: 'a' }, {});
        await execute(`update idempotency set expires_at = expires_at - ${24 * 3600 * 1000} where key <> 'c'`);
        const again = await beginAt(store, 'h1')({ key: 'a', argsHash: 'other' });
        assert.equal(again.state, 'fresh');
        assert.notDeepEqual(again, nonces.get('a'), 'another call, which makes things of its own');
        assert.equal(await store.idempotency.prune(), 1);
        assert.deepEqual(await beginAt(store, 'h2')({ key: 'c' }), { state: 'pending' });
      }));
  });

  describe(`${name}: hubs`, () => {
    it('keep their lease by beating; those whose lease ran out are reaped', () =>
      use(async ({ store, execute }) => {
        for (const hub of ['h1', 'h2', 'h3']) await store.hubs.beat(hub, 60);
        await execute(`update hub set lease_until = lease_until - 60000 where id <> 'h3'`);
        await store.hubs.beat('h2', 60);
        assert.equal(await store.hubs.reap(), 1);
        assert.equal(await store.hubs.reap(), 0);
        await beginAt(store, 'h2')();
        assert.deepEqual(await beginAt(store, 'h3')(), { state: 'pending' }, 'it beat again and is alive');
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
            .map(({ hash, seq, ...record }) => record),
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

    it('lists by handle, outcome and time, the oldest first where that is asked for', () =>
      use(async ({ store }) => {
        const [early, late] = [
          newAuditRecord({ time: 1_000, handles: { workspace_id: 'ws_1', task_id: 'task_1' }, outcome: 'DISK_FULL' }),
          newAuditRecord({ time: 2_000, handles: { workspace_id: 'ws_10' } }),
        ];
        await store.audit.append([early, late]);
        const found = async (query: Omit<AuditQuery, 'limit'>) =>
          idsOf((await store.audit.list({ limit: 9, ...query })).rows);
        assert.deepEqual(await found({ handle: 'ws_1' }), [early.id]);
        assert.deepEqual(await found({ handle: 'task_1', outcome: 'DISK_FULL' }), [early.id]);
        assert.deepEqual(await found({ handle: 'workspace_id' }), []);
        assert.deepEqual(await found({ since: 1_001 }), [late.id]);
        assert.deepEqual(await found({ since: 1_000, until: 2_000 }), [early.id]);
        assert.deepEqual(await found({ order: 'oldest' }), [early.id, late.id]);
        const first = await store.audit.list({ limit: 1, order: 'oldest' });
        const second = await store.audit.list({ limit: 1, order: 'oldest', cursor: first.nextCursor ?? '' });
        assert.deepEqual([idsOf(second.rows), second.nextCursor], [[late.id], null]);
      }));

    it('removes the oldest, and the chain goes on from there; nothing else may be missing', () =>
      use(async ({ store, execute }) => {
        assert.equal(await store.audit.prune(9_000), 0);
        await store.audit.append(Array.from({ length: 6 }, (_, i) => newAuditRecord({ time: i })));
        assert.equal(await store.audit.prune(2), 2);
        assert.equal(await store.audit.prune(2), 0);
        assert.deepEqual(await store.audit.verify(), { records: 4, brokenAt: null });
        await store.audit.append([newAuditRecord({ time: 6 })]);
        assert.deepEqual(await store.audit.verify(), { records: 5, brokenAt: null });
        assert.equal(await store.audit.prune(1_000), 4);
        assert.deepEqual(await store.audit.verify(), { records: 1, brokenAt: null });
        await store.audit.append([newAuditRecord({ time: 7 }), newAuditRecord({ time: 8 })]);
        const [first] = (await store.audit.list({ limit: 9, order: 'oldest' })).rows;
        await execute(`delete from audit where seq = ${first?.seq}`);
        const { brokenAt } = await store.audit.verify();
        assert.notEqual(brokenAt, null);
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
