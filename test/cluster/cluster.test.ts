import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { askOperation as call, operated as done } from '../support/operations-api.ts';

describe('a cluster of two hubs and two workers', () => {
  let cluster: Cluster;
  const hub = (index: number) => cluster.hubs[index]?.url ?? assert.fail('no such hub');
  before(async () => {
    cluster = await startCluster({ hubs: 2, workers: 2, env: { BOXSWAIN_CLUSTER_LEASE_SECONDS: '5' } });
  });
  after(() => cluster.close());

  test('each hub reaches each workspace, wherever it lies', async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, (_, i) => done(hub(i % 2), 'workspace_create', { name: `w${i}` })),
    );
    assert.deepEqual(new Set(made.map(({ worker_id }) => worker_id)), new Set(cluster.workers.map(({ id }) => id)));
    for (const { workspace_id } of made) {
      for (const index of [0, 1]) {
        const run = await done(hub(index), 'run_python', { workspace_id, code: 'n = 6; print(n * 7)' });
        assert.equal(run.stdout, '42\n');
      }
      await done(cluster.url, 'workspace_delete', { workspace_id });
    }
    assert.equal((await done(hub(0), 'workspace_list', {})).total, 0);
  });

  test('a task that one hub began is told of by the other', async () => {
    const { workspace_id } = await done(hub(0), 'workspace_create', {});
    const { task_id } = await done(hub(0), 'run_command', {
      workspace_id,
      command: 'sleep 1; echo slept',
      wait_seconds: 0,
    });
    await eventually(async () => (await done(hub(1), 'task_get_status', { task_id })).status === 'completed');
    const { result } = await done(hub(1), 'task_get_result', { task_id });
    assert.equal(Object(result).stdout, 'slept\n');
    await done(hub(1), 'workspace_delete', { workspace_id });
  });

  test('files larger than a message travel between hub and worker', async () => {
    const { workspace_id } = await done(hub(0), 'workspace_create', {});
    const content = 'x'.repeat(900_000);
    await done(hub(0), 'fs_write', { workspace_id, path: 'large.txt', content });
    const read = await done(hub(1), 'fs_read', { workspace_id, path: 'large.txt', limit: 900_000 });
    assert.equal(read.content, content);
    await done(hub(0), 'workspace_delete', { workspace_id });
  });

  test('a killed worker: its workspaces reappear elsewhere from their checkpoint', async () => {
    const { workspace_id, worker_id } = await done(hub(0), 'workspace_create', {});
    await done(hub(0), 'fs_write', { workspace_id, path: 'kept.txt', content: 'kept' });
    await done(hub(0), 'workspace_checkpoint', { workspace_id });
    await (cluster.workers.find(({ id }) => id === worker_id) ?? assert.fail('no such worker')).kill();
    await eventually(async () => {
      const { status, body } = await call(hub(1), 'fs_read', { workspace_id, path: 'kept.txt' });
      assert.ok(status === 200 || body.retryable === true, JSON.stringify(body));
      return status === 200 && body.content === 'kept';
    }, 60_000);
    assert.notEqual((await done(hub(1), 'workspace_get', { workspace_id })).worker_id, worker_id);
  });
});
