import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { NotHere } from '../protocol/link.ts';
import { command, errorOf, outputOf, python, TestWorker, type TestWorkspace } from './test-worker.ts';

/** A job that runs until it is cancelled, and the moment it does. */
async function startEndless(worker: TestWorker, workspace: TestWorkspace, detached = false) {
  const commandId = randomUUID();
  const isRunning = worker.tail(commandId, message => JSON.stringify(message).includes('ready'));
  const reply = workspace.submit(command('trap "" TERM INT; echo ready; sleep 600'), { commandId, detached });
  await isRunning;
  return { commandId, reply };
}

const stateOf = (reply: { state: string }) => reply.state;
const kindOf = (outcome: { end: { kind: string } }) => outcome.end.kind;

describe('work on a workspace', () => {
  let worker: TestWorker;
  before(async () => {
    worker = await TestWorker.start({ tasks: { queue_per_workspace: 3 } });
  });
  after(() => worker.close());

  it('shows what a run has put out so far, and publishes it while it runs', async () => {
    const workspace = await worker.open('ws_live');
    const { commandId, reply } = await startEndless(worker, workspace);
    const running = await worker.ask('run.await', { ...workspace.hold, commandId, waitMs: 0, detach: false });
    assert.equal(running.state === 'running' && running.stdout, 'ready\n');
    assert.equal((await workspace.inspect()).state, 'busy');
    await workspace.cancel(commandId);
    await reply;
  });

  it('kills a run that is cancelled with all it started, and goes on', async () => {
    const workspace = await worker.open('ws_cancel');
    const { commandId, reply } = await startEndless(worker, workspace);
    assert.deepEqual(await workspace.cancel(commandId), { cancelled: true, state: 'running' });
    const ended = await reply;
    assert.ok(ended.state === 'ended');
    assert.deepEqual(ended.outcome.end, { kind: 'cancelled', reason: 'enough' });
    assert.equal(outputOf(await workspace.run(command('pgrep -c sleep'))).stdout, '0\n');
    assert.deepEqual(await workspace.cancel(commandId), { cancelled: false, state: 'ended' });
    assert.deepEqual(await workspace.cancel(randomUUID()), { cancelled: false, state: 'unknown' });
  });

  it('never starts a queued run that is cancelled', async () => {
    const workspace = await worker.open('ws_queued');
    const endless = await startEndless(worker, workspace);
    const commandId = randomUUID();
    const queued = await workspace.submit(command('touch started'), { commandId, waitMs: 0 });
    assert.deepEqual(queued, { state: 'queued', sequence: 2 });
    assert.deepEqual(await workspace.cancel(commandId), { cancelled: true, state: 'queued' });
    await workspace.cancel(endless.commandId);
    await workspace.run(command('true'));
    await assert.rejects(workspace.read('started'), { code: 'FILE_NOT_FOUND' });
  });

  it('refuses more than may be queued', async () => {
    const workspace = await worker.open('ws_full');
    const endless = await startEndless(worker, workspace);
    const queued = Array.from({ length: 3 }, () => workspace.submit(command('true')));
    await assert.rejects(workspace.submit(command('true')), { code: 'QUEUE_FULL' });
    await workspace.cancel(endless.commandId);
    assert.deepEqual((await Promise.all(queued)).map(stateOf), ['ended', 'ended', 'ended']);
  });

  it('lets a write wait until the run before it has started, and a read pass', async () => {
    const workspace = await worker.open('ws_gate');
    await workspace.write('file', 'old');
    const endless = await startEndless(worker, workspace);
    const second = workspace.submit(command('cat file'));
    const written = workspace.write('file', 'new');
    assert.equal(await workspace.read('file'), 'old');
    await workspace.cancel(endless.commandId);
    await written;
    assert.equal(await workspace.read('file'), 'new');
    await second;
  });

  it('asks before a detached job starts, and tells its end until it is heard', async () => {
    const workspace = await worker.open('ws_detached');
    let misses = 2;
    worker.hub['run.ended'] = async () => {
      misses -= 1;
      if (misses >= 0) throw new Error('the store is away');
      return {};
    };
    const commandId = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.hub['run.started'] = async request => {
      if (request.commandId === commandId) await promise;
      return { mayStart: true };
    };
    const reply = await workspace.submit(command('echo x'), { commandId, waitMs: 0, detached: true });
    assert.equal(stateOf(reply), 'queued');
    resolve();
    await waitFor(() => worker.heard.ended.some(ended => ended.commandId === commandId));
    const told = worker.heard.ended.filter(ended => ended.commandId === commandId);
    assert.equal(told.length, 1);
    assert.equal(told[0] && outputOf(told[0].outcome).stdout, 'x\n');
    assert.deepEqual(worker.hub['run.started'] && worker.heard.started.map(({ sequence }) => sequence), [1]);
    worker.hub['run.ended'] = undefined;
    worker.hub['run.started'] = undefined;
  });

  it('drops a detached job that the hub does not want started', async () => {
    const workspace = await worker.open('ws_dropped');
    worker.hub['run.started'] = async () => ({ mayStart: false });
    const commandId = randomUUID();
    const dropped = await workspace.submit(command('touch started'), { commandId, detached: true });
    worker.hub['run.started'] = undefined;
    assert.equal(dropped.state === 'ended' && kindOf(dropped.outcome), 'cancelled');
    await assert.rejects(workspace.read('started'), { code: 'FILE_NOT_FOUND' });
    assert.ok(!worker.heard.ended.some(ended => ended.commandId === commandId));
  });

  it('tells the end of an inline job that is detached while it runs', async () => {
    const workspace = await worker.open('ws_later');
    const { commandId, reply } = await startEndless(worker, workspace);
    await worker.ask('run.await', { ...workspace.hold, commandId, waitMs: 0, detach: true });
    await workspace.cancel(commandId);
    await reply;
    await waitFor(() => worker.heard.ended.some(ended => ended.commandId === commandId));
  });

  it('restores a checkpoint into another workspace, packages, modes and links included', async () => {
    const workspace = await worker.open('ws_source');
    await workspace.run(
      command(`mkdir -p deep/er && echo one > deep/er/a && cp deep/er/a copy && ln -s deep/er/a link && chmod 750 copy && : > empty
        mkdir -p /env/python/lib/site && echo two > /env/python/lib/site/b && head -c 3M /dev/urandom > big && sha256sum big > sum`),
    );
    const first = await checkpoint(workspace, null);
    await workspace.run(command('echo changed > copy; rm empty'));
    const second = await checkpoint(workspace, first.manifest);
    assert.equal(second.packs.length, 2);
    assert.ok(second.packs.includes(first.packs[0] ?? ''));
    assert.ok(
      ((await worker.blobs.stat(second.packs.find(pack => pack !== first.packs[0]) ?? ''))?.sizeBytes ?? 0) < 100,
    );

    const copy = await worker.open('ws_copy');
    await copy.run(python('x = 1', { context: 'c' }));
    await copy.write('artifacts/gone', 'x');
    const restored = await copy.run({ kind: 'restore', manifest: second.manifest });
    assert.equal(kindOf(restored), 'completed');
    assert.equal(restored.generation, 2);
    const seen =
      'stat -c "%n %a" copy; readlink link; cat deep/er/a copy /env/python/lib/site/b; sha256sum -c sum; ls; ls artifacts';
    assert.equal(
      outputOf(await copy.run(command(seen))).stdout,
      'copy 750\ndeep/er/a\none\nchanged\ntwo\nbig: OK\nartifacts\nbig\ncopy\ndeep\nlink\nsum\n',
    );
    assert.equal(errorOf(await copy.run(python('x', { context: 'c' }))).code, 'CONTEXT_LOST');
  });

  it('refuses to restore what is not there', async () => {
    const workspace = await worker.open('ws_nothing');
    const outcome = await workspace.run({ kind: 'restore', manifest: '0'.repeat(64) });
    assert.equal(errorOf(outcome).code, 'CHECKPOINT_NOT_FOUND');
  });

  it('does not serve a workspace at another epoch, and takes it over at a later one with its files', async () => {
    const workspace = await worker.open('ws_epoch');
    const endless = await startEndless(worker, workspace);
    const lost = assert.rejects(endless.reply, { code: 'SANDBOX_DIED' });
    await workspace.write('kept', 'x');
    workspace.epoch = 2;
    await assert.rejects(workspace.read('kept'), NotHere);
    await workspace.open({}, false);
    await lost;
    assert.equal(await workspace.read('kept'), 'x');
    assert.equal((await workspace.inspect()).generation, 2);
    workspace.epoch = 1;
    await assert.rejects(workspace.read('kept'), NotHere);
  });

  it('removes everything when a workspace is closed, whatever runs in it', async () => {
    const workspace = await worker.open('ws_closed');
    const endless = await startEndless(worker, workspace);
    await worker.ask('workspace.close', workspace.hold);
    const reply = await endless.reply;
    assert.equal(reply.state === 'ended' && kindOf(reply.outcome), 'cancelled');
    await assert.rejects(workspace.read('kept'), NotHere);
    await worker.ask('workspace.close', workspace.hold);
    await workspace.open();
    assert.deepEqual((await workspace.inspect()).usage, { memory_bytes: 0, disk_bytes: 0, cpu_ms: 0 });
  });
});

describe('a worker', () => {
  it('fills secrets in and masks them in everything that is shown', async () => {
    const worker = await TestWorker.start();
    try {
      const secrets = join(worker.directory, 'secrets');
      await mkdir(secrets);
      await writeFile(join(secrets, 'token'), 'hunter2hunter2\n', { mode: 0o600 });
      await worker.stopWorker();
      await worker.startWorker({ sandbox: { secrets_directory: secrets } });
      const workspace = await worker.open('ws_secret', { env: { TOKEN: 'secret:token' } });
      const slowly =
        'import os, sys, time\nfor c in os.environ["TOKEN"]:\n sys.stdout.write(c); sys.stdout.flush(); time.sleep(0.002)';
      assert.equal(outputOf(await workspace.run(python(slowly))).stdout, '[secret:token]');
      const failed = await workspace.run(
        command('echo $OTHER >&2; test $(printf %s $OTHER | wc -c) = 14', { env: { OTHER: 'secret:token' } }),
      );
      assert.equal(outputOf(failed).stderr, '[secret:token]\n');
      assert.equal(outputOf(failed).exit_code, 0);
      const cell = python('import os; os.environ["TOKEN"]', { context: 'c' });
      assert.equal(outputOf(await workspace.run(cell)).result, "'[secret:token]'");
      const denied = await workspace.run(command('true', { env: { A: 'secret:other' } }));
      assert.equal(errorOf(denied).code, 'POLICY_DENIED');
    } finally {
      await worker.close();
    }
  });

  it('finds the files of a workspace again after it was started anew', async () => {
    const worker = await TestWorker.start();
    try {
      const workspace = await worker.open('ws_again');
      await workspace.write('artifacts/kept', 'x');
      await workspace.run(python('x = 1', { context: 'c' }));
      await worker.stopWorker();
      await worker.startWorker();
      await assert.rejects(workspace.read('artifacts/kept'), NotHere);
      await workspace.open({}, false, 1);
      assert.equal(await workspace.read('artifacts/kept'), 'x');
      assert.deepEqual((await workspace.run(command('true'))).artifacts, []);
      assert.equal(errorOf(await workspace.run(python('x', { context: 'c' }))).code, 'CONTEXT_LOST');
      assert.equal(outputOf(await workspace.run(python('1', { context: 'c' }))).result, '1');
    } finally {
      await worker.close();
    }
  });

  it('takes no work once it has heard no hub for most of its lease, and works again when it does', async () => {
    const worker = await TestWorker.start();
    try {
      const boots = new Set<string>();
      worker.hub['worker.join'] = async ({ boot }) => {
        boots.add(boot);
        return { leaseSeconds: 0.3 };
      };
      await worker.stopWorker();
      await worker.startWorker();
      const workspace = await worker.open('ws_fenced');
      assert.equal(outputOf(await workspace.run(command('echo x'))).stdout, 'x\n');
      const { promise: silence, resolve: speak } = Promise.withResolvers<{ isLive: boolean; isDraining: boolean }>();
      worker.hub['worker.beat'] = () => silence;
      await waitFor(() =>
        workspace.submit(command('true'), { waitMs: 0 }).then(
          () => false,
          error => error.code === 'NO_WORKER_AVAILABLE' && error.details.reason === 'fenced',
        ),
      );
      worker.hub['worker.beat'] = async ({ boot }) => ({
        isLive: boots.size > 1 && boots.has(boot),
        isDraining: false,
      });
      speak({ isLive: false, isDraining: false });
      await waitFor(() => boots.size > 1);
      await assert.rejects(workspace.run(command('true')), NotHere);
      workspace.epoch += 1;
      await workspace.open({}, false);
      assert.equal(outputOf(await workspace.run(command('echo x'))).stdout, 'x\n');
    } finally {
      await worker.close();
    }
  });

  it('lets nothing run on while it hears no hub, and goes on where it was', async () => {
    const worker = await TestWorker.start();
    try {
      worker.hub['worker.join'] = async () => ({ leaseSeconds: 0.5 });
      await worker.stopWorker();
      await worker.startWorker();
      const workspace = await worker.open('ws_frozen');
      const mark = `${randomUUID()}`;
      const ended = assert.rejects(workspace.run(command(`exec -a ${mark} sleep 600`)));
      await waitFor(async () => (await statesOf(mark)).includes('S'));
      const { promise: silence, resolve: speak } = Promise.withResolvers<{ isLive: boolean; isDraining: boolean }>();
      worker.hub['worker.beat'] = () => silence;
      await waitFor(async () => (await statesOf(mark)).every(state => state === 'T'));
      worker.hub['worker.beat'] = undefined;
      speak({ isLive: true, isDraining: false });
      await waitFor(async () => (await statesOf(mark)).includes('S'));
      const { activeTasks } = await workspace.inspect();
      assert.equal(activeTasks, 1);
      await worker.stopWorker();
      await ended;
      await waitFor(async () => (await statesOf(mark)).length === 0);
    } finally {
      await worker.close();
    }
  });
});

/** States of the processes, as the kernel names them, that have this mark as their first argument. */
async function statesOf(mark: string): Promise<string[]> {
  const states: string[] = [];
  for (const pid of await readdir('/proc')) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!words.startsWith(mark)) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const [, state] = /^State:\s+(\S)/m.exec(status) ?? [];
    if (state !== undefined) states.push(state);
  }
  return states;
}

async function checkpoint(workspace: TestWorkspace, parent: string | null) {
  const output = outputOf(await workspace.run({ kind: 'checkpoint', parent }));
  assert.ok(Array.isArray(output.packs) && typeof output.manifest === 'string');
  return { packs: output.packs.map(String), manifest: output.manifest };
}

/** The tests' only way to see what happens by itself; the runner's time-out ends it. */
async function waitFor(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10));
}
