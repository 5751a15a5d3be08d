import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Cluster, isRunning, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, scratchDirectory } from '../support/server.ts';
import { operated as done } from '../support/operations-api.ts';

type Output = Record<string, unknown>;
interface Worker {
  readonly worker_id: string;
  readonly state: string;
  readonly slots: number;
  readonly slots_used: number;
  readonly labels: Record<string, string>;
  readonly versions: Record<string, string>;
  readonly lease_left_seconds: number;
}

const MOVE_MS = 60_000;

async function send(url: string, method: string, args?: Output): Promise<{ status: number; body: Output }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, ...(args && { body: JSON.stringify(args) }) });
  return { status: response.status, body: Object(await response.json()) };
}

async function workersAt(url: string): Promise<Map<string, Worker>> {
  const { workers } = Object((await send(`${url}/api/workers`, 'GET')).body);
  return new Map(workers.map((worker: Worker) => [worker.worker_id, worker]));
}

const settingsOf = (name: string, more: object = {}) =>
  JSON.stringify({ worker: { slots: 4, labels: { name }, ...more } });

describe('placing and operating workers', () => {
  let cluster: Cluster;
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  const fileOf = (name: string) => join(scratch.path, `${name}.json`);
  const hub = (index: number) => cluster.hubs[index] ?? assert.fail('no such hub');
  const worker = (index: number) => cluster.workers[index] ?? assert.fail('no such worker');
  const read = (url: string, workspace_id: unknown, path: string) => done(url, 'fs_read', { workspace_id, path });
  /** As one hub sees it now. */
  const seen = async (url: string, id: string) => (await workersAt(url)).get(id) ?? assert.fail(`${id} is not listed`);

  before(async () => {
    scratch = await scratchDirectory();
    for (const name of ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5'])
      await writeFile(fileOf(name), settingsOf(name));
    const envOf = (name: string): Record<string, string> =>
      name.startsWith('worker') ? { BOXSWAIN_CONFIG: fileOf(name) } : { BOXSWAIN_PLACEMENT_QUEUE_SECONDS: '120' };
    cluster = await startCluster({ hubs: 2, workers: 2, env: { BOXSWAIN_CLUSTER_LEASE_SECONDS: '6' }, envOf });
  });
  after(async () => {
    await cluster.close();
    await scratch.remove();
  });

  const made: Output[] = [];

  test('both hubs list the same workers, and so does the command line', async () => {
    const ids = cluster.workers.map(({ id }) => id);
    for (const { url } of cluster.hubs) {
      const workers = await workersAt(url);
      assert.deepEqual([...workers.keys()].sort(), [...ids].sort());
      for (const id of ids) {
        const { state, slots, slots_used, labels, versions, lease_left_seconds } = await seen(url, id);
        assert.deepEqual([state, slots, slots_used, labels], ['live', 4, 0, { name: id }]);
        assert.match(versions.boxswain ?? '', /^\d+\.\d+\.\d+/);
        assert.ok(lease_left_seconds > 0);
      }
    }
    const listed = await runCli(['workers', 'list', '--directory', hub(1).directory]);
    assert.equal(listed.code, 0, listed.stderr);
    for (const id of ids) assert.match(listed.stdout, new RegExp(`^${id} +live +0/4 +name=${id} `, 'm'));
  });

  test('six workspaces made at once at two hubs are spread three and three', async () => {
    const six = await Promise.all(Array.from({ length: 6 }, (_, at) => done(hub(at % 2).url, 'workspace_create')));
    made.push(...six);
    for (const { id } of cluster.workers) assert.equal((await seen(hub(0).url, id)).slots_used, 3);
  });

  test('labels lead to the worker that has them, and to nobody where none has', async () => {
    const labels = { name: worker(1).id };
    const workspace = await done(hub(0).url, 'workspace_create', { labels });
    assert.equal(workspace.worker_id, worker(1).id);
    made.push(workspace);
    const { status, body } = await send(`${hub(1).url}/api/workspaces`, 'POST', { labels: { name: 'nobody' } });
    assert.deepEqual([status, body.code], [503, 'NO_WORKER_AVAILABLE']);
    assert.match(String(body.hint), /name=nobody/);
  });

  test('when all is full a workspace waits at one hub, and gets the slot that becomes free at the other', async () => {
    made.push(await done(hub(0).url, 'workspace_create'));
    const late = done(hub(0).url, 'workspace_create');
    await eventually(async () => Object((await send(`${hub(1).url}/api/workers`, 'GET')).body).waiting === 1);
    await done(hub(1).url, 'workspace_delete', { workspace_id: made.pop()?.workspace_id });
    made.push(await late);
  });

  test('a drained worker finishes its runs and gives its workspaces, with their files, to others', async () => {
    const drained = worker(0).id;
    const [kept, busy] = made.filter(({ worker_id }) => worker_id === drained);
    assert.ok(kept && busy);
    for (const { workspace_id } of made.splice(0)) {
      if (workspace_id === kept.workspace_id || workspace_id === busy.workspace_id) continue;
      await done(hub(0).url, 'workspace_delete', { workspace_id });
    }
    made.push(kept, busy);
    for (const { workspace_id } of made)
      await done(hub(0).url, 'fs_write', { workspace_id, path: 'kept.txt', content: 'kept' });
    const { workspace_id } = busy;
    const command = 'sleep 3; echo finished > late.txt; echo finished';
    const { task_id } = await done(hub(0).url, 'run_command', { workspace_id, command, wait_seconds: 0 });
    // By way of a hub that is lost at once: another one goes on.
    await send(`${hub(0).url}/api/workers/${drained}/drain`, 'POST', {});
    await hub(0).kill();
    const { url, directory } = hub(1);
    assert.equal((await seen(url, drained)).state, 'draining');
    const waited = await runCli(['worker', 'drain', drained, '--wait', '--json', '--directory', directory]);
    assert.equal(waited.code, 0, waited.stderr);
    assert.deepEqual(JSON.parse(waited.stdout).is_empty, true);
    for (const workspace of made) {
      assert.equal((await read(url, workspace.workspace_id, 'kept.txt')).content, 'kept');
      assert.equal(
        (await done(url, 'workspace_get', { workspace_id: workspace.workspace_id })).worker_id,
        worker(1).id,
      );
    }
    assert.equal((await read(url, workspace_id, 'late.txt')).content, 'finished\n');
    assert.equal((await done(url, 'task_get_status', { task_id })).status, 'completed');
    assert.equal((await done(url, 'workspace_create')).worker_id, worker(1).id);
  });

  test('a worker that is undrained takes workspaces again; a live one is not removed without force', async () => {
    const { url, directory } = hub(1);
    const { id } = worker(0);
    await send(`${url}/api/workers/${id}/undrain`, 'POST');
    assert.equal((await done(url, 'workspace_create')).worker_id, id);
    const refused = await send(`${url}/api/workers/${id}`, 'DELETE');
    assert.deepEqual([refused.status, refused.body.code], [400, 'VALIDATION_ERROR']);
    const told = await runCli(['workers', 'remove', id, '--directory', directory]);
    assert.equal(told.code, 2);
    assert.match(told.stderr, /is live and holds 1 workspaces.*\nhint: drain it/);
  });

  test('SIGHUP reloads slots and labels, and names what needs a restart', async () => {
    const { id, child, log } = worker(0);
    const reloaded = { slots: 7, labels: { name: id, zone: 'b' }, id: 'another' };
    await writeFile(fileOf(id), settingsOf(id, reloaded));
    child.kill('SIGHUP');
    await eventually(async () => (await seen(hub(1).url, id)).slots === 7);
    assert.deepEqual((await seen(hub(1).url, id)).labels, { name: id, zone: 'b' });
    await eventually(() => /"ignored":\["worker.id"\]/.test(log()));
    await writeFile(fileOf(id), '{');
    child.kill('SIGHUP');
    await eventually(() => log().includes('the configuration was not reloaded'));
    assert.equal((await seen(hub(1).url, id)).state, 'live');
  });

  test('a worker that gets SIGTERM gives its workspaces away and leaves', async () => {
    const { url } = hub(1);
    const leaving = worker(1);
    await leaving.stop();
    assert.equal(leaving.child.exitCode, 0, leaving.log());
    assert.equal((await workersAt(url)).has(leaving.id), false);
    for (const { workspace_id } of made) {
      assert.equal((await read(url, workspace_id, 'kept.txt')).content, 'kept');
      assert.equal((await done(url, 'workspace_get', { workspace_id })).worker_id, worker(0).id);
    }
  });

  test('a second SIGTERM ends a worker at once', async () => {
    const other = await cluster.startWorker();
    const { child } = other;
    const { workspace_id } = await done(hub(1).url, 'workspace_create', { labels: {} });
    const holder = (await done(hub(1).url, 'workspace_get', { workspace_id })).worker_id;
    const target = holder === other.id ? other : worker(0);
    await done(hub(1).url, 'run_command', { workspace_id, command: 'sleep 60', wait_seconds: 0 });
    target.child.kill('SIGTERM');
    await eventually(() => target.log().includes('draining before the end'));
    assert.ok(isRunning(target));
    target.child.kill('SIGTERM');
    await eventually(() => !isRunning(target), MOVE_MS);
    assert.equal(target.child.exitCode, 130);
    assert.ok(child.pid);
  });

  test('doctor looks at all of it, and fails when a part is gone', async () => {
    const { directory, env } = await cluster.services.prepare({ hub: 'doctor' }, 'doctor');
    const doctor = async (more: Record<string, string> = {}) => {
      const { code, stdout, stderr } = await runCli(['doctor', '--json', '--directory', directory], {
        env: { ...env, BOXSWAIN_HTTP_PORT: '0', ...more },
      });
      assert.ok(stdout !== '', stderr);
      const checks: { name: string; state: string; detail: string; fix?: string }[] = JSON.parse(stdout).checks;
      return { code, checks, of: (name: string) => checks.find(check => check.name === name) };
    };
    const well = await doctor();
    assert.equal(well.code, 0, JSON.stringify(well.checks));
    assert.match(well.of('NATS')?.detail ?? '', /version \d+\.\d+/);
    assert.deepEqual(
      ['token', 'PostgreSQL', 'schema', 'clock', 'records', 'S3', 'hubs'].map(name => well.of(name)?.state),
      Array(7).fill('ok'),
    );
    assert.match(well.of('S3')?.detail ?? '', /put, read and deleted/);
    const elsewhere = 'postgres://nobody@127.0.0.1:1/none';
    const ill = await doctor({ BOXSWAIN_STORE_URL: elsewhere, BOXSWAIN_BLOBS_S3_BUCKET: 'no-such-bucket' });
    assert.equal(ill.code, 1);
    for (const name of ['PostgreSQL', 'S3']) {
      assert.equal(ill.of(name)?.state, 'fail');
      assert.ok(ill.of(name)?.fix);
    }
  });
});
