import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { alice, callOf, commandRun, newWorkspace, withBench } from '../../test/support/hub-under-test.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Job } from '../protocol/jobs.ts';

const hash = (letter: string) => letter.repeat(64);

/** Takes checkpoints whose manifests count up; the first `failingRestores` restores fail. */
function checkpointing({ failingRestores = 0 } = {}) {
  const jobs: Job[] = [];
  let taken = 0;
  let restored = 0;
  const script: Script = async job => {
    jobs.push(job);
    if (job.kind === 'checkpoint') {
      taken += 1;
      const manifest = hash(String(taken));
      const packs = [hash('a')];
      const installedPackages = ['six==1.16.0'];
      const output = { manifest, packs, sizeBytes: 5, fileCount: 2, sha256: hash('b'), installedPackages };
      return { end: { kind: 'completed', output } };
    }
    if (job.kind === 'restore') {
      restored += 1;
      if (restored <= failingRestores) {
        return { end: { kind: 'failed', error: new AppError('DISK_FULL', 'disk_mb is 16').toShape() } };
      }
      return { ...completed(), generation: 7 };
    }
    return completed();
  };
  return { script, jobs };
}

describe('checkpoints', () => {
  it(
    'are recorded with what they hold, build on the last one, and only the newest are kept',
    withBench(async bench => {
      const hub = await bench.hub({ config: { sandbox: { checkpoints: { keep: 2 } } } });
      const { script, jobs } = checkpointing();
      await bench.worker({ script });
      const workspace = await newWorkspace(hub, { metadata: { a: '1' }, env: { E: 'x' } });
      const first = await hub.checkpoints.create(workspace, { name: 'first' }, callOf());
      assert.deepEqual([first.name, first.fileCount, first.parentId], ['first', 2, null]);
      assert.deepEqual([first.installedPackages, first.metadata], [['six==1.16.0'], { a: '1' }]);
      const second = await hub.checkpoints.create(workspace, {}, callOf());
      assert.equal(second.parentId, first.id);
      assert.deepEqual(jobs[1], { kind: 'checkpoint', parent: hash('1') });
      const third = await hub.checkpoints.create(workspace, {}, callOf());
      const details = await hub.workspaces.get(workspace.id, alice);
      assert.deepEqual(
        details.checkpoints.map(({ id }) => id),
        [third.id, second.id],
      );
      assert.equal(details.lastCheckpointId, third.id);
      await assert.rejects(hub.checkpoints.restore(first.id, {}, callOf()), { code: 'CHECKPOINT_NOT_FOUND' });
    }),
  );

  it(
    'restore into a new workspace with environment, limits and metadata, also after theirs is deleted',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script, jobs } = checkpointing();
      const worker = await bench.worker({ script });
      const part = { metadata: { a: '1' }, env: { E: 'x' }, limits: { memory_mb: 128 } };
      const workspace = await newWorkspace(hub, part);
      const { id } = await hub.checkpoints.create(workspace, {}, callOf());
      await hub.workspaces.delete(workspace.id, alice);
      const { record, limits } = await hub.checkpoints.restore(id, {}, callOf());
      assert.notEqual(record.id, workspace.id);
      assert.deepEqual([record.metadata, limits.memory_mb.value, record.generation], [{ a: '1' }, 128, 7]);
      assert.deepEqual(worker.workspaces.get(record.id)?.open.spec.env, { E: 'x' });
      assert.deepEqual(jobs.at(-1), { kind: 'restore', manifest: hash('1'), env: { E: 'x' } });
    }),
  );

  it(
    'restore into a workspace that is named, in its line',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script } = checkpointing();
      const worker = await bench.worker({ script });
      const source = await newWorkspace(hub, { metadata: { of: 'source' }, env: { E: 'x' } });
      const target = await newWorkspace(hub);
      const { id } = await hub.checkpoints.create(source, {}, callOf());
      const { record } = await hub.checkpoints.restore(id, { workspaceId: target.id }, callOf());
      assert.deepEqual([record.id, record.metadata, record.generation], [target.id, { of: 'source' }, 7]);
      assert.deepEqual(
        worker.accepted(target.id).map(({ kind }) => kind),
        ['restore'],
      );
      assert.deepEqual((await bench.store.workspaces.get(target.id))?.spec.env, { E: 'x' });
    }),
  );

  it(
    'that cannot be restored leave no new workspace behind',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script } = checkpointing({ failingRestores: 1 });
      const worker = await bench.worker({ script });
      const workspace = await newWorkspace(hub);
      const { id } = await hub.checkpoints.create(workspace, {}, callOf());
      await assert.rejects(hub.checkpoints.restore(id, {}, callOf()), { code: 'DISK_FULL' });
      assert.deepEqual([...worker.workspaces.keys()], [workspace.id]);
    }),
  );
});

describe('forks', () => {
  it(
    'are new workspaces with numbered names that live as long as the original',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script } = checkpointing();
      await bench.worker({ script });
      const workspace = await newWorkspace(hub, { ttlSeconds: 90 });
      const forks = await hub.checkpoints.fork(workspace, { count: 3, name: 'n'.repeat(63) }, callOf());
      assert.deepEqual(
        forks.map(({ record }) => record.name),
        [1, 2, 3].map(i => `${'n'.repeat(61)}-${i}`),
      );
      assert.deepEqual(
        forks.map(({ record }) => record.ttlSeconds),
        [90, 90, 90],
      );
      assert.equal((await hub.workspaces.list({ limit: 9 }, alice)).total, 4);
    }),
  );

  it(
    'fail as a whole: no half is left when one cannot be restored, or there is no slot for it',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script } = checkpointing({ failingRestores: 1 });
      const worker = await bench.worker({ script, slots: 3 });
      const workspace = await newWorkspace(hub);
      await assert.rejects(hub.checkpoints.fork(workspace, { count: 2 }, callOf()), { code: 'DISK_FULL' });
      assert.deepEqual([...worker.workspaces.keys()], [workspace.id]);
      await assert.rejects(hub.checkpoints.fork(workspace, { count: 3 }, callOf()), { code: 'CAPACITY_EXCEEDED' });
      assert.deepEqual([...worker.workspaces.keys()], [workspace.id]);
      assert.equal((await hub.workspaces.list({ limit: 9 }, alice)).total, 1);
      assert.equal((await hub.checkpoints.fork(workspace, { count: 2 }, callOf())).length, 2);
    }),
  );
});

describe('a worker that is drained', () => {
  it(
    'keeps what runs until it has ended, then its workspaces move with their files',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { sweepMs: 5 } });
      const { script } = checkpointing();
      const go = Promise.withResolvers<void>();
      const first = await bench.worker({
        site: 'there',
        script: async (job, running) => {
          if (job.kind === 'command') await go.promise;
          return script(job, running);
        },
      });
      const workspace = await newWorkspace(hub);
      const run = hub.runs.run(commandRun(workspace, 'long'), callOf());
      const second = await bench.worker({ site: 'here', script });
      await hub.workers.drain(first.id, true);
      assert.equal((await newWorkspace(hub)).worker, second.id);
      assert.ok(first.workspaces.has(workspace.id));
      go.resolve();
      assert.equal((await run).state, 'ended');
      await eventually(async () => !first.workspaces.has(workspace.id));
      assert.equal((await hub.runs.run(commandRun(workspace, 'after'), callOf())).state, 'ended');
      assert.deepEqual(
        second.accepted(workspace.id).map(({ kind }) => kind),
        ['restore', 'command'],
      );
      const details = await hub.workspaces.get(workspace.id, alice);
      assert.deepEqual([details.record.worker, details.checkpoints.length], [second.id, 1]);
    }),
  );
});

describe('a worker that is lost with its files', () => {
  it(
    'leaves its workspaces to another one, from their newest checkpoint',
    withBench(async bench => {
      const hub = await bench.hub();
      const { script } = checkpointing();
      const first = await bench.worker({ script, site: 'there' });
      const workspace = await newWorkspace(hub);
      await hub.checkpoints.create(workspace, {}, callOf());
      const second = await bench.worker({ script, site: 'here' });
      await first.leave();
      const answer = await hub.runs.run(commandRun(workspace, 'x'), callOf());
      assert.equal(answer.state, 'ended');
      assert.equal(second.workspaces.get(workspace.id)?.open.fresh, true);
      assert.deepEqual(
        second.accepted(workspace.id).map(({ kind }) => kind),
        ['restore', 'command'],
      );
      assert.equal((await hub.workspaces.get(workspace.id, alice)).record.worker, second.id);
    }),
  );

  it(
    'and without a checkpoint says so, until it is back',
    withBench(async bench => {
      const hub = await bench.hub();
      const first = await bench.worker({ site: 'there' });
      const workspace = await newWorkspace(hub);
      await bench.worker({ site: 'here' });
      await first.leave();
      await assert.rejects(hub.runs.run(commandRun(workspace, 'x'), callOf()), (error: unknown) => {
        assert.ok(error instanceof AppError);
        assert.deepEqual([error.code, error.details.reason], ['SANDBOX_DIED', 'engine_lost']);
        return true;
      });
      assert.equal((await hub.workspaces.get(workspace.id, alice)).record.state, 'failed');
      await bench.worker({ site: 'there' });
      assert.equal((await hub.runs.run(commandRun(workspace, 'x'), callOf())).state, 'ended');
    }),
  );
});
