import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCall, fakeHub, workspaceRecord } from '../../../test/support/fake-hub.ts';
import type { WorkspaceRequest, WorkspaceView } from '../../hub/hub.ts';
import { invoke } from '../invoke.ts';
import { findOperation } from '../registry.ts';

const hard = (value: number) => ({ value, enforcement: 'hard' as const });
const view: WorkspaceView = {
  record: workspaceRecord(),
  network: 'off',
  limits: {
    memory_mb: hard(1024),
    cpus: hard(1),
    pids: hard(256),
    disk_mb: hard(2048),
    wall_seconds: hard(3600),
    output_mb: hard(16),
  },
  activeTasks: 0,
  lastCheckpointId: null,
};
const checkpoint = {
  id: 'cp_1',
  caller: 'local',
  workspaceId: view.record.id,
  name: 'first',
  sizeBytes: 10,
  fileCount: 2,
  sha256: 'ab',
  manifest: 'm',
  packs: [],
  installedPackages: [],
  spec: {},
  metadata: {},
  parentId: null,
  isAutomatic: false,
  sequence: 0,
  createdAt: 0,
  expiresAt: null,
};

function setUp() {
  const log: string[] = [];
  const requests: WorkspaceRequest[] = [];
  const keys: unknown[] = [];
  const hub = fakeHub({
    workspaces: {
      create: async request => {
        requests.push(request);
        return view;
      },
      list: async query => ({ rows: [view], nextCursor: query.cursor ?? null, total: 7 }),
      resolve: async id => {
        log.push(`resolve ${id}`);
        return view.record;
      },
      delete: async id => {
        log.push(`delete ${id}`);
      },
    },
    checkpoints: {
      create: async () => {
        log.push('checkpoint');
        return checkpoint;
      },
      restore: async (id, { workspaceId }) => {
        log.push(`restore ${id} into ${workspaceId}`);
        return view;
      },
      fork: async (_workspace, { count }) => Array.from({ length: count }, () => view),
    },
    idempotency: {
      once: (key, work) => {
        keys.push(key.key);
        return work();
      },
    },
  });
  const call = async (name: string, args: Record<string, unknown>) => {
    const operation = findOperation(name);
    assert.ok(operation);
    return (await invoke(operation, args, fakeCall(hub))).output;
  };
  return { call, log, requests, keys };
}

test('creating leaves to the hub what the caller leaves out', async () => {
  const { call, requests } = setUp();
  const output = await call('workspace_create', {});
  assert.equal(output.workspace_id, view.record.id);
  assert.deepEqual(requests, [
    {
      name: undefined,
      image: undefined,
      network: 'off',
      limits: {},
      ttlSeconds: undefined,
      env: {},
      metadata: {},
      labels: undefined,
    },
  ]);
});

test('creating hands on every argument', async () => {
  const { call, requests } = setUp();
  await call('workspace_create', {
    name: 'demo',
    network: { allow: ['*.example.org'] },
    limits: { cpus: 0.5, allow_soft: true },
    ttl_seconds: 60,
    env: { A: 'b' },
    metadata: { c: 'd' },
    labels: { zone: 'e' },
  });
  assert.deepEqual(requests[0], {
    name: 'demo',
    image: undefined,
    network: { allow: ['*.example.org'] },
    limits: { cpus: 0.5, allow_soft: true },
    ttlSeconds: 60,
    env: { A: 'b' },
    metadata: { c: 'd' },
    labels: { zone: 'e' },
  });
});

test('everything that creates remembers its key', async () => {
  const { call, keys } = setUp();
  await call('workspace_create', { idempotency_key: 'a' });
  await call('workspace_checkpoint', { idempotency_key: 'b' });
  await call('workspace_restore', { checkpoint_id: 'cp_1', idempotency_key: 'c' });
  await call('workspace_fork', { idempotency_key: 'd' });
  assert.deepEqual(keys, ['a', 'b', 'c', 'd']);
});

test('a list tells the cursor and how many there are in all', async () => {
  const output = await setUp().call('workspace_list', { cursor: 'x' });
  assert.deepEqual([output.next_cursor, output.total], ['x', 7]);
});

test('deleting takes the checkpoint first, if one is wanted', async () => {
  const plain = setUp();
  const id = view.record.id;
  assert.deepEqual(await plain.call('workspace_delete', { workspace_id: id }), {
    deleted: true,
    workspace_id: id,
    checkpoint_id: null,
  });
  assert.deepEqual(plain.log, [`delete ${id}`]);
  const saved = setUp();
  const output = await saved.call('workspace_delete', { workspace_id: id, checkpoint: true });
  assert.equal(output.checkpoint_id, 'cp_1');
  assert.deepEqual(saved.log, [`resolve ${id}`, 'checkpoint', `delete ${id}`]);
});

test('restoring names the checkpoint, forking the original', async () => {
  const { call, log } = setUp();
  const restored = await call('workspace_restore', { checkpoint_id: 'cp_1', workspace_id: 'ws_1' });
  assert.equal(restored.restored_from, 'cp_1');
  assert.deepEqual(log, ['restore cp_1 into ws_1']);
  const forked = await call('workspace_fork', { count: 3 });
  assert.equal(forked.forked_from, view.record.id);
  assert.ok(Array.isArray(forked.workspaces) && forked.workspaces.length === 3);
});
