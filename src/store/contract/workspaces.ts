import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  idsOf,
  inserted,
  isValidationError,
  newArtifact,
  newCheckpoint,
  newWorkspace,
  paged,
  type Use,
} from './support.ts';

const WEEK_MS = 7 * 24 * 3600 * 1000;

export function workspacesContract(name: string, use: Use): void {
  describe(`${name}: workspaces`, () => {
    it('keeps everything that was inserted, and the database adds the times', () =>
      use(async ({ store }) => {
        const workspace = newWorkspace({ connection: 'c1', image: 'debian' });
        const before = await store.now();
        const answer = await store.workspaces.insert(workspace, { slots: 1 });
        assert.ok('inserted' in answer);
        const { createdAt, lastActivityAt, expiresAt, ...rest } = answer.inserted;
        assert.deepEqual(rest, workspace);
        assert.ok(createdAt >= before && createdAt <= (await store.now()));
        assert.equal(lastActivityAt, createdAt);
        assert.equal(expiresAt, createdAt + 3_600_000);
        assert.deepEqual(await store.workspaces.get(workspace.id), answer.inserted);
        assert.deepEqual(await store.workspaces.findDefault('alice', 'c1'), answer.inserted);
        assert.equal(await store.workspaces.findDefault('bob', 'c1'), undefined);
        assert.equal(await store.workspaces.get('ws_unknown'), undefined);
      }));

    it('never holds more than the slots, however many insert at once over several connections', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const answers = await Promise.all(
          Array.from({ length: 24 }, (_, i) => stores[i % 2]?.workspaces.insert(newWorkspace(), { slots: 5 })),
        );
        assert.equal(answers.filter(answer => answer && 'inserted' in answer).length, 5);
        assert.equal(answers.filter(answer => answer && 'full' in answer).length, 19);
        assert.equal((await store.workspaces.heldBy('w1')).length, 5);
      }));

    it('makes one default workspace per connection, also when many ask at once', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            stores[i % 2]?.workspaces.insert(newWorkspace({ connection: 'c1', worker: `w${i}` }), { slots: 5 }),
          ),
        );
        const ids = answers.map(answer => {
          assert.ok(answer && ('inserted' in answer || 'existing' in answer));
          return 'inserted' in answer ? answer.inserted.id : answer.existing.id;
        });
        assert.equal(new Set(ids).size, 1);
        assert.equal(answers.filter(answer => answer && 'inserted' in answer).length, 1);
        await inserted(store, { connection: 'c1', caller: 'bob' });
      }));

    it('is there once, however many insert it at once, also at a worker that is full', () =>
      use(async ({ store, openAnother }) => {
        const stores = [store, await openAnother()];
        const { id } = newWorkspace();
        const answers = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            stores[i % 2]?.workspaces.insert(newWorkspace({ id, worker: `w${i % 3}`, name: `${i}` }), { slots: 1 }),
          ),
        );
        assert.equal(answers.filter(answer => answer && 'inserted' in answer).length, 1);
        const there = await store.workspaces.get(id);
        assert.ok(there);
        assert.equal(answers.filter(answer => answer && 'existing' in answer && answer.existing.id === id).length, 9);
      }));

    it('is deleted only at the epoch that is named', () =>
      use(async ({ store }) => {
        const { id } = await inserted(store);
        assert.ok(await store.workspaces.claim(id, { epoch: 1 }, { worker: 'w2' }));
        assert.equal(await store.workspaces.delete(id, { epoch: 1 }), false);
        assert.ok(await store.workspaces.get(id));
        assert.equal(await store.workspaces.delete(id, { epoch: 2 }), true);
      }));

    it('changes what it is told to, where worker and epoch still hold', () =>
      use(async ({ store }) => {
        const { id } = await inserted(store);
        const update = store.workspaces.update;
        assert.equal(await update(id, { worker: 'w1', epoch: 1 }, { state: 'busy', spec: { a: 1 } }), true);
        assert.equal(await update(id, { worker: 'w2', epoch: 1 }, { state: 'failed' }), false);
        assert.equal(await update(id, { worker: 'w1', epoch: 2 }, { state: 'failed' }), false);
        assert.equal(await update(id, 'any', { name: 'new', metadata: { x: 'y' }, generation: undefined }), true);
        assert.equal(await update(id, { worker: 'w1', epoch: 1 }, {}), true);
        assert.equal(await update(id, { worker: 'w1', epoch: 9 }, {}), false);
        assert.equal(await update('ws_unknown', 'any', { name: 'x' }), false);
        const now = await store.workspaces.get(id);
        assert.ok(now);
        assert.deepEqual(
          [now.state, now.spec, now.name, now.metadata, now.generation],
          ['busy', { a: 1 }, 'new', { x: 'y' }, 0],
        );
      }));

    it('is claimed by exactly one of many, with a higher epoch that fences the holder before', () =>
      use(async ({ store, openAnother }) => {
        const { id } = await inserted(store);
        const stores = [store, await openAnother()];
        const claims = await Promise.all(
          Array.from({ length: 8 }, (_, i) => stores[i % 2]?.workspaces.claim(id, { epoch: 1 }, { worker: `c${i}` })),
        );
        const [winner, ...others] = claims.filter(claim => claim !== undefined);
        assert.ok(winner);
        assert.equal(others.length, 0);
        assert.equal(winner.epoch, 2);
        assert.deepEqual(await store.workspaces.get(id), winner);
        assert.equal(await store.workspaces.update(id, { worker: 'w1', epoch: 1 }, { state: 'failed' }), false);
      }));

    it('gets a new spec with a claim, or keeps its own', () =>
      use(async ({ store }) => {
        const { id, spec } = await inserted(store);
        assert.deepEqual((await store.workspaces.claim(id, { epoch: 1 }, { worker: 'w2' }))?.spec, spec);
        const claimed = await store.workspaces.claim(id, { epoch: 2 }, { worker: 'w3', spec: { site: 'there' } });
        assert.deepEqual([claimed?.epoch, claimed?.spec], [3, { site: 'there' }]);
        assert.equal(await store.workspaces.claim(id, { epoch: 2 }, { worker: 'w4', spec: {} }), undefined);
        assert.deepEqual(await store.workspaces.get(id), claimed);
      }));

    it('expires its ttl after the last touch', () =>
      use(async ({ store }) => {
        const lasting = await inserted(store);
        const short = await inserted(store, { ttlSeconds: 0 });
        const leaving = await inserted(store);
        await store.workspaces.update(leaving.id, 'any', { state: 'draining' });
        assert.deepEqual(idsOf(await store.workspaces.expired()), [short.id, leaving.id]);
        const listed = await store.workspaces.list({ caller: leaving.caller, limit: 9 });
        assert.deepEqual([idsOf(listed.rows), listed.total], [[short.id, lasting.id], 2]);
        await store.workspaces.delete(leaving.id);
        await store.workspaces.touch([short.id, lasting.id, 'ws_unknown']);
        await store.workspaces.touch([]);
        const touched = await store.workspaces.get(lasting.id);
        assert.ok(touched && touched.lastActivityAt >= lasting.lastActivityAt);
        assert.equal(touched.expiresAt, touched.lastActivityAt + 3_600_000);
      }));

    it('is gone after delete; its artifacts and checkpoints live a week longer', () =>
      use(async ({ store }) => {
        const { id } = await inserted(store, { connection: 'c1' });
        const [artifact] = await store.artifacts.insert([newArtifact({ workspaceId: id })]);
        const checkpoint = await store.checkpoints.insert(newCheckpoint({ workspaceId: id }), { keep: 10 });
        assert.ok(artifact);
        assert.deepEqual([artifact.expiresAt, checkpoint.expiresAt], [null, null]);
        const before = await store.now();
        assert.equal(await store.workspaces.delete(id), true);
        assert.equal(await store.workspaces.delete(id), false);
        assert.equal(await store.workspaces.get(id), undefined);
        assert.equal(await store.workspaces.findDefault('alice', 'c1'), undefined);
        const late = await store.checkpoints.insert(newCheckpoint({ workspaceId: id }), { keep: 10 });
        for (const row of [await store.artifacts.get(artifact.id), await store.checkpoints.get(checkpoint.id), late]) {
          assert.ok(row?.expiresAt && row.expiresAt >= before + WEEK_MS);
        }
      }));

    it('pages newest first, stable while others are inserted and deleted, with the total', () =>
      use(async ({ store }) => {
        const ids: string[] = [];
        for (let i = 0; i < 7; i += 1) ids.unshift((await inserted(store)).id);
        await inserted(store, { caller: 'bob' });
        const first = await store.workspaces.list({ caller: 'alice', limit: 3 });
        assert.equal(first.total, 7);
        assert.deepEqual(idsOf(first.rows), ids.slice(0, 3));
        const seen = await paged(
          query => store.workspaces.list({ ...query, caller: 'alice' }),
          2,
          () => inserted(store),
        );
        assert.deepEqual(idsOf(seen), ids);
        assert.equal((await store.workspaces.list({ caller: 'alice', limit: 50, state: 'failed' })).total, 0);
      }));

    it('refuses a cursor that no list gave', () =>
      use(async ({ store }) => {
        const other = await store.tasks.list({ caller: 'alice', limit: 1 });
        assert.equal(other.nextCursor, null);
        const foreign = Buffer.from('[1,2]').toString('base64url');
        for (const cursor of ['', 'x', '{}', Buffer.from('["a"]').toString('base64url'), foreign]) {
          await assert.rejects(store.workspaces.list({ caller: 'alice', limit: 1, cursor }), isValidationError);
        }
      }));

    it('leaves a torn row out of lists and reports it, also when checked', () =>
      use(async ({ store, execute, badRows }) => {
        const [torn, whole] = [await inserted(store), await inserted(store)];
        assert.deepEqual(await store.checkIntegrity(), []);
        await execute(`update workspace set spec = '{"limits":' where id = '${torn.id}'`);
        assert.deepEqual(idsOf((await store.workspaces.list({ caller: 'alice', limit: 9 })).rows), [whole.id]);
        assert.deepEqual(idsOf(await store.workspaces.heldBy('w1')), [whole.id]);
        assert.deepEqual(badRows, [`workspace/${torn.id}`, `workspace/${torn.id}`]);
        await assert.rejects(store.workspaces.get(torn.id), /unreadable row/);
        const [problem] = await store.checkIntegrity();
        assert.match(String(problem), new RegExp(torn.id));
      }));
  });
}
