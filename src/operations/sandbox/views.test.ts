import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskRecord, workspaceRecord } from '../../../test/support/fake-hub.ts';
import { pendingLine, viewArtifact, viewCheckpoint, viewTask, viewWorkspace, viewWorkspaceDetails } from './views.ts';

const hard = (value: number) => ({ value, enforcement: 'hard' as const });
const limits = {
  memory_mb: hard(1024),
  cpus: hard(1),
  pids: hard(256),
  disk_mb: hard(2048),
  wall_seconds: hard(3600),
  output_mb: hard(16),
};
const view = (connection: string | null) => ({
  record: workspaceRecord({ connection }),
  network: 'off' as const,
  limits,
  activeTasks: 1,
  lastCheckpointId: null,
});
const checkpoint = {
  id: 'cp_1',
  caller: 'local',
  workspaceId: 'ws_1',
  name: 'first',
  sizeBytes: 10,
  fileCount: 2,
  sha256: 'ab',
  manifest: 'm',
  packs: ['p'],
  installedPackages: ['requests==2.32.0'],
  spec: {},
  metadata: {},
  parentId: null,
  isAutomatic: false,
  sequence: 0,
  createdAt: 0,
  expiresAt: null,
};

test('a workspace is shown with all its fields, times in ISO 8601', () => {
  assert.deepEqual(viewWorkspace(view(null)), {
    workspace_id: 'ws_abcdefghijklmnopqrstuvwx',
    name: 'demo',
    state: 'ready',
    generation: 2,
    engine: 'bubblewrap',
    image: null,
    network: 'off',
    limits,
    worker_id: 'wk_1',
    metadata: {},
    is_default: false,
    active_tasks: 1,
    last_checkpoint_id: null,
    created_at: '1970-01-01T00:00:00.000Z',
    last_activity_at: '1970-01-01T00:00:01.500Z',
    expires_at: '1970-01-01T01:00:01.500Z',
  });
});

test('the workspace of a connection is a default one', () => {
  assert.equal(viewWorkspace(view('stdio-1')).is_default, true);
});

test('details show the newest 10 checkpoints and 20 tasks', () => {
  const details = viewWorkspaceDetails({
    ...view(null),
    usage: { memory_bytes: 1, disk_bytes: 2, cpu_ms: 3 },
    contexts: [{ name: 'main', generation: 2 }],
    checkpoints: Array.from({ length: 12 }, (_, at) => ({ ...checkpoint, id: `cp_${at}` })),
    recentTasks: Array.from({ length: 25 }, () => taskRecord()),
  });
  assert.deepEqual([details.checkpoints.length, details.recent_tasks.length], [10, 20]);
  assert.equal(details.checkpoints[0]?.checkpoint_id, 'cp_0');
});

test('a checkpoint does not show how it is stored', () => {
  assert.deepEqual(viewCheckpoint(checkpoint), {
    checkpoint_id: 'cp_1',
    workspace_id: 'ws_1',
    name: 'first',
    size_bytes: 10,
    file_count: 2,
    sha256: 'ab',
    installed_packages: ['requests==2.32.0'],
    parent_checkpoint_id: null,
    created_at: '1970-01-01T00:00:00.000Z',
  });
});

test('an artifact says where it is downloaded, and which task made it if one did', () => {
  const record = {
    id: 'art_1',
    caller: 'local',
    workspaceId: 'ws_1',
    taskId: null,
    name: 'a.txt',
    path: 'artifacts/a.txt',
    sizeBytes: 3,
    contentType: 'text/plain',
    sha256: 'ab',
    labels: { kind: 'report' },
    createdAt: 0,
    expiresAt: null,
  };
  assert.equal(viewArtifact(record).download_url, '/api/artifacts/art_1/content');
  assert.equal('task_id' in viewArtifact(record), false);
  assert.equal(viewArtifact({ ...record, taskId: 't' }).task_id, 't');
});

test('a task is shown with its status in words', () => {
  const task = viewTask(taskRecord({ status: 'running', startedAt: 1000, progress: { percent: 5 } }));
  assert.equal(task.message, 'Task is running');
  assert.deepEqual([task.started_at, task.completed_at], ['1970-01-01T00:00:01.000Z', null]);
  assert.equal('workspace_id' in viewTask(taskRecord({ workspaceId: null })), false);
});

test('a pending task is one line of JSON with six fields', () => {
  const task = taskRecord();
  assert.equal(
    pendingLine(task),
    `{"task_id":"${task.id}","status":"queued","session_id":"${task.workspaceId}","sequence":3,"message":"Task ${task.id} queued for execution","created_at":"1970-01-01T00:00:00.000Z"}`,
  );
  assert.match(pendingLine(taskRecord({ status: 'running' })), new RegExp(`"message":"Task ${task.id} is running"`));
});
