import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callIds } from '../ids/call-ids.ts';
import type { TaskRecord } from '../store/rows.ts';
import { eventually } from '../../test/support/eventually.ts';
import {
  alice,
  type Bench,
  callOf,
  commandRun,
  newWorkspace,
  plainRequest,
  withBench,
} from '../../test/support/hub-under-test.ts';
import { completed, type Script } from '../../test/support/scripted-jobs.ts';
import type { Hub } from './hub.ts';
import { hashJson } from './json.ts';
import { queuedRow } from './task-rows.ts';

const args = { a: 1 };

/** The ids of an attempt whose hub is gone before it ended. */
async function idsOfLost({ store }: Bench, operation: string, of: unknown = args) {
  const call = { caller: alice.id, operation, key: 'k', argsHash: hashJson(of), owner: 'gone' };
  const begun = await store.idempotency.begin(call);
  assert.ok(begun.state === 'fresh');
  return callIds(alice.id, operation, 'k', begun.nonce);
}

const keyed = (operation: string) => ({ caller: alice, operation, key: 'k', args });

/** The way an operation makes a workspace under a key. */
const create = (hub: Hub) =>
  hub.idempotency.once(keyed('create'), async ids => {
    const { record } = await hub.workspaces.create(plainRequest, callOf({ ids }));
    return { id: record.id, state: record.state };
  });

const total = async (hub: Hub) => (await hub.workspaces.list({ limit: 1 }, alice)).total;

const checkpointing: Script = async job => {
  if (job.kind !== 'checkpoint') return { ...completed(), generation: 7 };
  const hash = (letter: string) => letter.repeat(64);
  const output = { manifest: hash('1'), packs: [hash('a')], sizeBytes: 5, fileCount: 2, sha256: hash('b') };
  return { end: { kind: 'completed', output: { ...output, installedPackages: [] } } };
};

describe('a call with a key whose hub is gone', () => {
  it(
    'is made again, once, by the next that repeats it, with the same ids; until then it is waited for',
    withBench(async bench => {
      const one = await bench.hub();
      bench.newProcess();
      const two = await bench.hub();
      const never = Promise.withResolvers<{ id: string }>();
      const made: string[] = [];
      const begun = Promise.withResolvers<void>();
      const lost = one.idempotency.once(keyed('op'), ids => {
        made.push(ids?.handle('ws') ?? '');
        begun.resolve();
        return never.promise;
      });
      await begun.promise;
      const again = () =>
        two.idempotency.once(keyed('op'), async ids => {
          made.push(ids?.handle('ws') ?? '');
          return { id: 'second' };
        });
      const repeats = [again(), again()];
      await two.idempotency.once({ ...keyed('op'), key: 'other' }, async () => ({}));
      assert.equal(made.length, 1, 'its hub is alive');
      await bench.store.hubs.leave('hub-1');
      assert.deepEqual(await Promise.all(repeats), [{ id: 'second' }, { id: 'second' }]);
      assert.equal(made.length, 2);
      assert.equal(made[1], made[0]);
      never.reject(new Error('too late'));
      await assert.rejects(lost, /too late/);
      assert.deepEqual(await again(), { id: 'second' }, 'its late failure takes nothing back');
    }),
  );

  it(
    'belongs to its hub for as long as that renews its lease',
    withBench(async bench => {
      await bench.hub({ timing: { leaseSeconds: 0.3 } });
      const { store } = bench;
      const call = { caller: alice.id, operation: 'op', key: 'k', argsHash: 'h' };
      await store.idempotency.begin({ ...call, owner: 'hub-1' });
      const until = (await store.now()) + 1000;
      await eventually(async () => (await store.now()) > until);
      assert.deepEqual(await store.idempotency.begin({ ...call, owner: 'other' }), { state: 'pending' });
    }),
  );

  it(
    'leaves one workspace: the one that was made is answered',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const ids = await idsOfLost(bench, 'create');
      const { record } = await hub.workspaces.create(plainRequest, callOf({ ids }));
      assert.equal((await create(hub)).id, record.id);
      assert.equal((await create(hub)).id, record.id);
      assert.equal(await total(hub), 1);
      assert.equal(worker.seen.filter(({ verb }) => verb === 'workspace.open').length, 1);
    }),
  );

  it(
    'leaves one workspace: the one that was not opened yet is finished, and the lost attempt is fenced',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker();
      const ids = await idsOfLost(bench, 'create');
      const { record } = await hub.workspaces.create(plainRequest, callOf({ ids }));
      await bench.store.workspaces.update(record.id, 'any', { state: 'creating' });
      assert.deepEqual(await create(hub), { id: record.id, state: 'ready' });
      assert.equal(await total(hub), 1);
      const held = worker.workspaces.get(record.id);
      assert.deepEqual([held?.open.fresh, held?.open.epoch], [true, 2]);
      const late = { worker: worker.id, epoch: 1 };
      assert.equal(await bench.store.workspaces.update(record.id, late, { state: 'failed' }), false);
    }),
  );

  it(
    'leaves one workspace when its worker is gone with it, and none when no worker is left',
    withBench(async bench => {
      const hub = await bench.hub();
      const first = await bench.worker({ site: 'lost' });
      const ids = await idsOfLost(bench, 'create');
      const { record } = await hub.workspaces.create(plainRequest, callOf({ ids }));
      await bench.store.workspaces.update(record.id, 'any', { state: 'creating' });
      await first.leave();
      const second = await bench.worker({ site: 'other' });
      assert.equal((await create(hub)).id, record.id);
      const moved = await bench.store.workspaces.get(record.id);
      assert.deepEqual([moved?.worker, moved?.epoch, moved?.spec.site], [second.id, 2, 'other']);
      assert.equal(await total(hub), 1);

      await bench.store.workspaces.update(record.id, 'any', { state: 'creating' });
      await second.leave();
      await assert.rejects(hub.workspaces.create(plainRequest, callOf({ ids })), { code: 'NO_WORKER_AVAILABLE' });
      assert.equal(await total(hub), 0);
    }),
  );

  it(
    'leaves one checkpoint and one fork of each number',
    withBench(async bench => {
      const hub = await bench.hub();
      const worker = await bench.worker({ script: checkpointing });
      const workspace = await newWorkspace(hub);
      const fork = async () =>
        hub.idempotency.once(keyed('fork'), async ids => {
          const forks = await hub.checkpoints.fork(workspace, { count: 3 }, callOf({ ids }));
          return { ids: forks.map(({ record }) => record.id) };
        });
      const ids = await idsOfLost(bench, 'fork');
      const made = await hub.checkpoints.fork(workspace, { count: 2 }, callOf({ ids }));
      const answer = await fork();
      assert.deepEqual(
        answer.ids.slice(0, 2),
        made.map(({ record }) => record.id),
      );
      assert.equal(new Set(answer.ids).size, 3);
      assert.equal(await total(hub), 4);
      assert.deepEqual(await fork(), answer);
      assert.equal((await hub.workspaces.get(workspace.id, alice)).checkpoints.length, 1);
      assert.deepEqual(
        worker.accepted(workspace.id).map(job => job.kind),
        ['checkpoint'],
      );
    }),
  );

  it(
    'leaves one task: what had begun reads interrupted and is never run again, what had not is run once',
    withBench(async bench => {
      const first = await bench.hub();
      const before = await bench.worker({ site: 'same' });
      const workspace = await newWorkspace(first);
      await before.leave();
      await first.close();
      bench.newProcess();

      const rows: TaskRecord[] = [];
      for (const status of ['running', 'queued'] as const) {
        const { job, render } = commandRun(workspace, status);
        const ids = await idsOfLost(bench, `run ${status}`, { workspace_id: workspace.id, job });
        const run = { id: ids.taskId(), workspace, operation: `run ${status}`, placed: { job, render }, createdAt: 1 };
        rows.push(await bench.store.tasks.insert({ ...queuedRow(run), status }));
      }
      const hub = await bench.hub();
      const after = await bench.worker({ site: 'same' });
      const run = (status: string, waitSeconds: number) =>
        hub.runs.run(
          commandRun(workspace, status, { operation: `run ${status}`, idempotencyKey: 'k', waitSeconds }),
          callOf(),
        );
      for (const [index, status] of ['running', 'queued'].entries()) {
        const answer = await run(status, 0);
        assert.ok(answer.state === 'pending');
        assert.equal(answer.task.id, rows[index]?.id);
      }
      await assert.rejects(run('running', 30), { code: 'TASK_INTERRUPTED' });
      const answer = await run('queued', 30);
      assert.ok(answer.state === 'ended');
      assert.equal(answer.taskId, rows[1]?.id);
      assert.deepEqual(
        after.accepted(workspace.id).map(job => (job.kind === 'command' ? job.command : '')),
        ['queued'],
      );
      assert.equal((await hub.tasks.list({ limit: 9 }, alice)).rows.length, 2);
    }),
  );

  it(
    'whose task no worker had heard of yet: another hub sees to it once the lease of the lost one is over',
    withBench(async bench => {
      const hub = await bench.hub({ timing: { sweepMs: 20 } });
      const worker = await bench.worker();
      const workspace = await newWorkspace(hub);
      await bench.store.hubs.beat('gone', 600);
      const { job, render } = commandRun(workspace, 'unsent');
      const run = { id: callIds('x').taskId(), workspace, operation: 'op', placed: { job, render }, createdAt: 1 };
      const { id } = await bench.store.tasks.insert(queuedRow(run));
      assert.equal((await hub.tasks.wait(id, 0, callOf())).status, 'queued');
      await bench.store.hubs.beat('gone', -1);
      assert.equal((await hub.tasks.wait(id, 30, callOf())).status, 'completed');
      assert.equal(worker.accepted(workspace.id).length, 1);
    }),
  );
});
