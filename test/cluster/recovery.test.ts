import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createPostgresStore } from '../../src/store/postgres.ts';
import type { EventRecord } from '../../src/store/rows.ts';
import type { Store } from '../../src/store/store.ts';
import { type Cluster, type RunningWorker, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { askOperation as call, operated as done } from '../support/operations-api.ts';

const LEASE_SECONDS = 6;
const LONG_MS = 90_000;

describe('a cluster that loses workers', () => {
  let cluster: Cluster;
  let store: Store;
  let small: SmallDisk | undefined;
  const url = () => cluster.hubs[0]?.url ?? assert.fail('no hub');

  before(async () => {
    small = await mountSmallDisk();
    cluster = await startCluster({
      hubs: 2,
      workers: 3,
      env: {
        BOXSWAIN_CLUSTER_LEASE_SECONDS: String(LEASE_SECONDS),
        BOXSWAIN_SANDBOX_CHECKPOINTS_QUIET_SECONDS: '0.3',
        BOXSWAIN_SANDBOX_CHECKPOINTS_INTERVAL_SECONDS: '0.3',
        BOXSWAIN_LOG_LEVEL: 'debug',
      },
      envOf: (name): Record<string, string> =>
        small === undefined || name.startsWith('hub')
          ? {}
          : { BOXSWAIN_WORKER_OUTBOX_DIRECTORY: join(small.path, name) },
    });
    store = await createPostgresStore({ url: cluster.services.databaseUrl });
  });
  after(async () => {
    await store?.close();
    await cluster?.close();
    await small?.remove();
  });

  const workerOf = (id: unknown): RunningWorker =>
    cluster.workers.findLast(worker => worker.id === id) ?? assert.fail(`no worker ${id}`);
  const eventsOf = async (stream: string, type: string): Promise<EventRecord[]> =>
    (await store.events.read(stream, 0, 1000)).filter(event => event.type === type);
  const savedUpTo = async (id: unknown): Promise<number> =>
    (await store.checkpoints.list(String(id), 1, { withAutomatic: true }))[0]?.sequence ?? 0;
  /** A workspace with a file that lies in a checkpoint which nobody asked for. */
  const savedWorkspace = async () => {
    const { workspace_id, worker_id } = await done(url(), 'workspace_create', {});
    await done(url(), 'fs_write', { workspace_id, path: 'kept.txt', content: 'kept' });
    await eventually(async () => (await savedUpTo(workspace_id)) >= 1, LONG_MS);
    return { workspace_id, worker: workerOf(worker_id) };
  };
  const taskIs = async (task_id: unknown, status: string): Promise<boolean> =>
    (await done(url(), 'task_get_status', { task_id })).status === status;
  /** Calls until it answers; on the way only failures that may be repeated. */
  const answersAgain = async (workspace_id: unknown): Promise<void> =>
    eventually(async () => {
      const { status, body } = await call(url(), 'fs_read', { workspace_id, path: 'kept.txt' });
      assert.ok(status === 200 || body.retryable === true, JSON.stringify(body));
      return status === 200 && body.content === 'kept';
    }, LONG_MS);

  test('kill -9 of a worker: its workspaces answer elsewhere, and an event tells what was lost', async t => {
    const { workspace_id, worker } = await savedWorkspace();
    // Its end is recorded and its files are not: no moment is quiet enough while the next run goes on.
    const { task_id: lost } = await done(url(), 'run_command', {
      workspace_id,
      command: 'touch lost',
      wait_seconds: 0,
    });
    const { task_id: cut } = await done(url(), 'run_command', { workspace_id, command: 'sleep 600', wait_seconds: 0 });
    await eventually(async () => (await taskIs(lost, 'completed')) && (await taskIs(cut, 'running')), LONG_MS);
    const killedAt = performance.now();
    await worker.kill();
    await answersAgain(workspace_id);
    t.diagnostic(`answered ${Math.round(performance.now() - killedAt)} ms after the kill, lease ${LEASE_SECONDS} s`);
    await eventually(async () => (await eventsOf(`workspace:${workspace_id}`, 'workspace.recovered')).length > 0);
    const [event, ...more] = await eventsOf(`workspace:${workspace_id}`, 'workspace.recovered');
    assert.equal(more.length, 0);
    const { checkpoint_at, lost_since, from_epoch, to_epoch, lost_tasks } = event?.body ?? {};
    assert.deepEqual([from_epoch, to_epoch], [1, 2]);
    assert.equal(checkpoint_at, lost_since);
    const named = Array.isArray(lost_tasks) ? lost_tasks.map(task => Object(task).task_id) : [];
    assert.deepEqual(new Set(named), new Set([lost, cut]));
    await eventually(() => taskIs(cut, 'interrupted'), LONG_MS);
    assert.equal((await call(url(), 'fs_read', { workspace_id, path: 'lost' })).body.code, 'FILE_NOT_FOUND');
    const { checkpoints } = await done(url(), 'workspace_get', { workspace_id });
    assert.deepEqual(checkpoints, [], 'automatic checkpoints are not among those of the caller');
    await done(url(), 'workspace_delete', { workspace_id });
    await cluster.startWorker(worker.id);
  });

  test('a workspace that has no checkpoint fails truthfully, and is there again with its worker', async () => {
    const { workspace_id, worker_id } = await done(url(), 'workspace_create', {});
    const worker = workerOf(worker_id);
    await worker.kill();
    await eventually(async () => {
      const { body } = await call(url(), 'run_python', { workspace_id, code: 'print(1)' });
      assert.equal(body.retryable, true, JSON.stringify(body));
      return body.code === 'SANDBOX_DIED' && Object(body.details).reason === 'engine_lost';
    }, LONG_MS);
    await cluster.startWorker(worker.id);
    await eventually(
      async () => (await call(url(), 'run_python', { workspace_id, code: 'print(1)' })).body.stdout === '1\n',
      LONG_MS,
    );
    await done(url(), 'workspace_delete', { workspace_id });
  });

  test('a worker that is stopped past its lease and goes on runs nothing twice, and its word counts no more', async () => {
    const { workspace_id, worker } = await savedWorkspace();
    const submit = async (command: string) =>
      (await done(url(), 'run_command', { workspace_id, command, wait_seconds: 0 })).task_id;
    const running = await submit('sleep 8; echo old');
    const queued = await submit('echo queued');
    await eventually(() => taskIs(running, 'running'), LONG_MS);
    worker.child.kill('SIGSTOP');
    await answersAgain(workspace_id);
    await eventually(() => taskIs(queued, 'completed'), LONG_MS);
    worker.child.kill('SIGCONT');
    await eventually(() => worker.log().includes('the lease was lost'), LONG_MS);
    await eventually(async () => (await store.workers.holding()).has(worker.id), LONG_MS);
    assert.ok(await taskIs(running, 'interrupted'));
    for (const id of [running, queued]) {
      assert.equal((await eventsOf(`task:${id}`, 'task.started')).length, 1);
      assert.equal((await eventsOf(`task:${id}`, 'task.ended')).length, 1);
    }
    const { result } = await done(url(), 'task_get_result', { task_id: queued });
    assert.equal(Object(result).stdout, 'queued\n');
    const epochs = (await store.events.read(`workspace:${workspace_id}`, 0, 1000))
      .map(({ body }) => body.to_epoch)
      .filter(epoch => epoch !== undefined);
    assert.deepEqual(epochs, [2]);
    await done(url(), 'workspace_delete', { workspace_id });
  });

  test('what a worker could tell no hub before it was killed, it tells when it is back', async () => {
    const { workspace_id, worker_id } = await done(url(), 'workspace_create', {});
    const worker = workerOf(worker_id);
    const run = { workspace_id, command: 'echo begun; sleep 2; echo told', wait_seconds: 0 };
    const { task_id } = await done(url(), 'run_command', run);
    // Its row says that it runs before its worker has heard that it may.
    await eventually(async () => (await eventsOf(`task:${task_id}`, 'task.output')).length > 0, LONG_MS);
    const ended = (log: string) => log.split('a job ended').length - 1;
    const endedBefore = ended(worker.log());
    const signalHubs = (signal: 'SIGSTOP' | 'SIGCONT') => cluster.hubs.map(hub => hub.child.kill(signal));
    signalHubs('SIGSTOP');
    try {
      await eventually(() => ended(worker.log()) > endedBefore);
      await worker.kill();
    } finally {
      signalHubs('SIGCONT');
    }
    const again = await cluster.startWorker(worker.id);
    assert.match(again.log(), /sending reports that an earlier process has left/);
    await eventually(() => taskIs(task_id, 'completed'), LONG_MS);
    assert.equal(Object((await done(url(), 'task_get_result', { task_id })).result).stdout, 'begun\ntold\n');
    assert.equal((await eventsOf(`task:${task_id}`, 'task.ended')).length, 1);
    await done(url(), 'workspace_delete', { workspace_id });
  });

  test('a full disk under the outbox holds up what must be recorded, and nothing else', async t => {
    if (small === undefined) {
      t.diagnostic('not run: nothing can be mounted here');
      return;
    }
    const { workspace_id } = await done(url(), 'workspace_create', {});
    const submit = (command: string) => call(url(), 'run_command', { workspace_id, command, wait_seconds: 0 });
    const { body: first } = await submit('sleep 4; echo first');
    const { body: second } = await submit('echo second');
    await eventually(() => taskIs(first.task_id, 'running'), LONG_MS);
    await small.fill();
    const refused = await submit('echo refused');
    assert.equal(refused.status, 429, JSON.stringify(refused.body));
    assert.deepEqual(
      [refused.body.code, refused.body.retryable, Object(refused.body.details).reason],
      ['CAPACITY_EXCEEDED', true, 'outbox_disk_full'],
    );
    await eventually(() => taskIs(first.task_id, 'completed'), LONG_MS);
    assert.ok(await taskIs(second.task_id, 'queued'));
    await small.empty();
    await eventually(() => taskIs(second.task_id, 'completed'), LONG_MS);
    assert.equal((await submit('echo third')).status, 202);
    for (const { task_id } of [first, second]) {
      assert.equal((await eventsOf(`task:${task_id}`, 'task.ended')).length, 1);
    }
    await done(url(), 'workspace_delete', { workspace_id });
  });
});

interface SmallDisk {
  readonly path: string;
  fill(): Promise<void>;
  empty(): Promise<void>;
  remove(): Promise<void>;
}

/** A disk of a few megabytes; undefined where none can be mounted. */
async function mountSmallDisk(): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'boxswain-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0711', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  const ballast = join(path, 'ballast');
  await mkdir(ballast);
  return {
    path,
    async fill() {
      // As many as fit: the last one says that there is no room.
      for (let i = 0; i < 10_000; i += 1) {
        try {
          await writeFile(join(ballast, `${i}`), Buffer.alloc(4096));
        } catch {
          return;
        }
      }
    },
    empty: () => rm(ballast, { recursive: true }).then(() => mkdir(ballast).then(() => {})),
    async remove() {
      execFileSync('umount', [path], { stdio: 'ignore' });
      await rm(path, { recursive: true });
    },
  };
}
