import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idsOf, inserted, newArtifact, newCheckpoint, newTask, paged, type Use } from './support.ts';

/** Checkpoints, artifacts, and the blobs that both name. */
export function keepingContract(name: string, use: Use): void {
  describe(`${name}: checkpoints`, () => {
    it('keeps the newest of each workspace, also when several are added at once', () =>
      use(async ({ store, openAnother }) => {
        const { id: workspaceId } = await inserted(store);
        const foreign = await store.checkpoints.insert(newCheckpoint({ workspaceId: 'ws_2' }), { keep: 1 });
        const record = newCheckpoint({ workspaceId, parentId: foreign.id });
        const first = await store.checkpoints.insert(record, { keep: 3 });
        const { createdAt, expiresAt, ...rest } = first;
        assert.deepEqual(rest, record);
        assert.equal(expiresAt, null);
        assert.ok(createdAt <= (await store.now()));
        const ids = [first.id];
        for (let i = 0; i < 4; i += 1) {
          ids.unshift((await store.checkpoints.insert(newCheckpoint({ workspaceId }), { keep: 3 })).id);
        }
        assert.deepEqual(idsOf(await store.checkpoints.list(workspaceId, 10)), ids.slice(0, 3));
        assert.deepEqual(idsOf(await store.checkpoints.list(workspaceId, 1)), ids.slice(0, 1));
        assert.equal(await store.checkpoints.get(first.id), undefined);
        assert.deepEqual(await store.checkpoints.get(foreign.id), foreign);
        const stores = [store, await openAnother()];
        await Promise.all(
          Array.from({ length: 6 }, (_, i) =>
            stores[i % 2]?.checkpoints.insert(newCheckpoint({ workspaceId }), { keep: 3 }),
          ),
        );
        assert.equal((await store.checkpoints.list(workspaceId, 10)).length, 3);
      }));

    it('takes those of a holder only while it holds the workspace', () =>
      use(async ({ store }) => {
        const { id: workspaceId, worker, epoch } = await inserted(store);
        const holder = { worker, epoch };
        const record = newCheckpoint({ workspaceId, isAutomatic: true });
        assert.equal((await store.checkpoints.insertHeld(record, { keep: 2, holder }))?.id, record.id);
        await store.workspaces.claim(workspaceId, { epoch }, { worker });
        const late = newCheckpoint({ workspaceId, isAutomatic: true });
        assert.equal(await store.checkpoints.insertHeld(late, { keep: 2, holder }), undefined);
        const other = { worker: 'another', epoch: epoch + 1 };
        assert.equal(await store.checkpoints.insertHeld(late, { keep: 2, holder: other }), undefined);
        assert.deepEqual(idsOf(await store.checkpoints.list(workspaceId, 9, { withAutomatic: true })), [record.id]);
      }));

    it('keeps those that were asked for apart from automatic ones', () =>
      use(async ({ store }) => {
        const { id: workspaceId } = await inserted(store);
        const add = async (isAutomatic: boolean, keep: number) =>
          (await store.checkpoints.insert(newCheckpoint({ workspaceId, isAutomatic, sequence: 7 }), { keep })).id;
        const asked = [await add(false, 2), await add(false, 2)];
        await add(true, 2);
        const automatic = [await add(true, 2), await add(true, 2)];
        assert.deepEqual(idsOf(await store.checkpoints.list(workspaceId, 9)), asked.toReversed());
        const all = await store.checkpoints.list(workspaceId, 9, { withAutomatic: true });
        assert.deepEqual(idsOf(all), [...asked, ...automatic].toReversed());
        assert.deepEqual([all[0]?.isAutomatic, all[0]?.sequence, all[3]?.isAutomatic], [true, 7, false]);
        const newest = await add(false, 1);
        assert.deepEqual(idsOf(await store.checkpoints.list(workspaceId, 9)), [newest]);
        assert.equal((await store.checkpoints.list(workspaceId, 9, { withAutomatic: true })).length, 3);
      }));

    it('adds a checkpoint once, however many add it at once', () =>
      use(async ({ store, openAnother }) => {
        const { id: workspaceId } = await inserted(store);
        const record = newCheckpoint({ workspaceId });
        const stores = [store, await openAnother()];
        const added = await Promise.all(
          Array.from({ length: 6 }, (_, i) =>
            stores[i % 2]?.checkpoints.insert({ ...record, name: `${i}` }, { keep: 3 }),
          ),
        );
        const there = await store.checkpoints.list(workspaceId, 10);
        assert.equal(there.length, 1);
        for (const one of added) assert.deepEqual(one, there[0]);
      }));

    it('prunes checkpoints and artifacts once they have expired', () =>
      use(async ({ store, execute }) => {
        const { id: workspaceId } = await inserted(store);
        await store.checkpoints.insert(newCheckpoint({ workspaceId }), { keep: 9 });
        await store.checkpoints.insert(newCheckpoint({ workspaceId: 'ws_gone' }), { keep: 9 });
        await store.artifacts.insert([newArtifact({ workspaceId }), newArtifact({ workspaceId: 'ws_gone' })]);
        assert.deepEqual([await store.checkpoints.prune(), await store.artifacts.prune()], [0, 0]);
        // As one that was added while its workspace was being deleted: it gets an expiry.
        const [missed] = await store.artifacts.insert([newArtifact({ workspaceId: 'ws_gone' })]);
        await execute(`update artifact set expires_at = null where id = '${missed?.id}'`);
        assert.equal(await store.artifacts.prune(), 0);
        assert.ok((await store.artifacts.get(missed?.id ?? ''))?.expiresAt);
        await execute('update checkpoint set expires_at = 1 where expires_at is not null');
        await execute('update artifact set expires_at = 1 where expires_at is not null');
        assert.deepEqual([await store.checkpoints.prune(), await store.artifacts.prune()], [1, 2]);
        assert.equal((await store.checkpoints.list(workspaceId, 9)).length, 1);
      }));
  });

  describe(`${name}: artifacts`, () => {
    it('keeps what was inserted, in order', () =>
      use(async ({ store }) => {
        const artifacts = [newArtifact({ taskId: 't1' }), newArtifact({ path: 'artifacts/ü-b.txt', name: 'ü-b.txt' })];
        const kept = await store.artifacts.insert(artifacts);
        assert.deepEqual(
          kept.map(({ createdAt, expiresAt, ...rest }) => rest),
          artifacts,
        );
        assert.deepEqual(await store.artifacts.get(artifacts[0]?.id ?? ''), kept[0]);
        assert.deepEqual(await store.artifacts.insert([]), []);
      }));

    it('is found by its exact path first, then by file name, the newest of several, in its workspace only', () =>
      use(async ({ store }) => {
        const add = async (path: string, patch = {}) => {
          const artifact = newArtifact({ path, name: path.split('/').at(-1), ...patch });
          await store.artifacts.insert([artifact]);
          return artifact.id;
        };
        const find = async (text: string) => (await store.artifacts.findByName('ws_1', text))?.id;
        await add('artifacts/hello-package.zip');
        const newest = await add('artifacts/hello-package.zip');
        await add('artifacts/hello-package.zip', { workspaceId: 'ws_2' });
        assert.equal(await find('hello-package.zip'), newest);
        const nested = await add('artifacts/sub/hello-package.zip');
        assert.equal(await find('hello-package.zip'), nested);
        assert.equal(await find('artifacts/hello-package.zip'), newest);
        const named = await add('hello-package.zip');
        await add('artifacts/z/hello-package.zip');
        assert.equal(await find('hello-package.zip'), named);
        assert.equal(await find('hello'), undefined);
      }));

    it('lists the newest of each path, in pages', () =>
      use(async ({ store }) => {
        const paths = ['a', 'b', 'a', 'c', 'b', 'd', 'e'];
        const all = await store.artifacts.insert(paths.map(path => newArtifact({ path })));
        await store.artifacts.insert([newArtifact({ workspaceId: 'ws_2' })]);
        const seen = await paged(query => store.artifacts.list({ ...query, workspaceId: 'ws_1' }), 2);
        assert.deepEqual(seen, [all[6], all[5], all[4], all[3], all[2]]);
      }));
  });

  describe(`${name}: referenced blobs`, () => {
    it('are those of artifacts, checkpoints and waiting jobs', () =>
      use(async ({ store }) => {
        const hash = (digit: string) => digit.repeat(64);
        await store.artifacts.insert([newArtifact({ sha256: hash('1') })]);
        const checkpoint = newCheckpoint({ manifest: hash('2'), packs: [hash('3'), hash('4')] });
        await store.checkpoints.insert(checkpoint, { keep: 9 });
        await store.tasks.insert(newTask({ job: { kind: 'restore', manifest: hash('5') } }));
        await store.tasks.insert(newTask({ job: { manifest: hash('6') }, status: 'failed', completedAt: 1 }));
        assert.deepEqual(await store.referencedBlobs(), new Set(['1', '2', '3', '4', '5'].map(hash)));
      }));

    it('are not told while a row that may name some is torn', () =>
      use(async ({ store, execute }) => {
        await store.checkpoints.insert(newCheckpoint(), { keep: 9 });
        await execute(`update checkpoint set packs = '["abc'`);
        await assert.rejects(store.referencedBlobs());
      }));
  });
}
