import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { command, errorOf, outputOf, python, TestWorker, type TestWorkspace } from './test-worker.ts';

/** What the next call says: a limit that was hit must not outlive its run. */
async function stillWorks(workspace: TestWorkspace): Promise<void> {
  assert.equal(outputOf(await workspace.run(python('print(1)'))).stdout, '1\n');
}

describe('limits of a workspace', () => {
  let worker: TestWorker;
  before(async () => {
    worker = await TestWorker.start();
  });
  after(() => worker.close());

  it('names memory when a program took too much, and lets the box live', async t => {
    const workspace = await worker.open('ws_memory');
    const { enforcement } = await workspace.open();
    if (enforcement.memory_mb !== 'hard') return t.diagnostic('memory is no hard limit here');
    const outcome = await workspace.run(python('x = bytearray(1 << 30); print(len(x))'));
    assert.equal(outputOf(outcome).limit_hit, 'oom');
    assert.equal(outputOf(outcome).exit_code, 137);
    assert.equal(outcome.generation, 1);
    await stillWorks(workspace);
    const child = await workspace.run(command('python3 -c "bytearray(1 << 30)" || exit 5'));
    assert.equal(outputOf(child).limit_hit, 'oom');
    assert.equal(outputOf(child).exit_code, 5);
    const other = outputOf(await workspace.run(command('exit 5')));
    assert.equal(other.limit_hit, undefined);
  });

  it('names processes after a fork bomb, and the next call works', async () => {
    const workspace = await worker.open('ws_forks');
    const outcome = await workspace.run(python('import os\nwhile True: os.fork()', { timeoutSeconds: 20 }));
    assert.equal(outputOf(outcome).limit_hit, 'pids');
    await stillWorks(workspace);
  });

  it('outlives a fork bomb that its shell leaves behind', async () => {
    const workspace = await worker.open('ws_bomb');
    const outcome = await workspace.run(command('bomb() { bomb | bomb & }; bomb; sleep 1', { timeoutSeconds: 5 }));
    assert.equal(outputOf(outcome).limit_hit, 'pids');
    // Nothing of the bomb is there to refuse the next run its processes.
    const next = await workspace.run(command('ls | cat; echo on'));
    assert.match(String(outputOf(next).stdout), /on\n$/);
    assert.equal(outputOf(next).limit_hit, undefined);
    assert.equal(next.generation, outcome.generation + 1);
    await stillWorks(workspace);
  });

  it('names the disk when it is full, and works again after something is deleted', async t => {
    const workspace = await worker.open('ws_disk', { limits: { disk_mb: 32 } });
    const { enforcement } = await workspace.open({ limits: { disk_mb: 32 } });
    if (enforcement.disk_mb !== 'hard') return t.diagnostic('disk is no hard limit here');
    const outcome = await workspace.run(command('head -c 1G /dev/zero > big'));
    assert.equal(outputOf(outcome).limit_hit, 'disk');
    await assert.rejects(workspace.write('more', 'x'.repeat(100_000)), { code: 'DISK_FULL' });
    await workspace.run(command('rm big'));
    await workspace.write('more', 'x'.repeat(100_000));
    await stillWorks(workspace);
  });

  it('stops a flood of output and keeps what came', async () => {
    const workspace = await worker.open('ws_flood', { limits: { output_mb: 4 } });
    const outcome = await workspace.run(command('yes | head -c 1G'));
    const output = outputOf(outcome);
    assert.equal(output.limit_hit, 'output');
    assert.equal(output.truncated, true);
    assert.ok(Number(output.stdout_bytes) <= 5 * 1024 * 1024);
    assert.match(String(output.stdout), /\[… \d+ bytes omitted …\]/);
    assert.equal(outcome.fullOutput.stdout?.sizeBytes, output.stdout_bytes);
    await stillWorks(workspace);
  });

  it('keeps all of a long output where so much is allowed', async () => {
    const workspace = await worker.open('ws_long', { limits: { output_mb: 1024 } });
    const outcome = await workspace.run(command('head -c 200000000 /dev/zero'));
    assert.equal(outputOf(outcome).exit_code, 0);
    assert.equal(outcome.fullOutput.stdout?.sizeBytes, 200_000_000);
  });

  it('refuses what the engine cannot enforce only when it was asked for', async () => {
    const workspace = await worker.open('ws_soft');
    const { enforcement } = await workspace.open();
    for (const [name, how] of Object.entries(enforcement)) {
      workspace.epoch += 1;
      const opening = workspace.open({ requested: [name], allowSoft: false });
      if (how === 'hard') await opening;
      else await assert.rejects(opening, { code: 'LIMIT_UNENFORCEABLE' });
    }
  });

  it('fails the call in flight when the box dies, and starts a new generation with the same files', async () => {
    const workspace = await worker.open('ws_death');
    await workspace.write('kept', 'x');
    const [died, refused] = await Promise.all([
      workspace.run(command('sleep 0.3; kill -9 -1; sleep 60')),
      workspace.run(command('sleep 0.3; exit 4')),
    ]);
    assert.equal(errorOf(died).details.reason, 'killed');
    assert.equal(outputOf(refused).exit_code, 4);
    assert.equal(refused.generation, 2);
    assert.equal(await workspace.read('kept'), 'x');
    await waitFor(() =>
      worker.heard.boxes.some(({ state, workspaceId }) => state === 'failed' && workspaceId === 'ws_death'),
    );
  });

  it('stops an idle box, keeps the files, and starts another when it is needed', async () => {
    const workspace = await worker.open('ws_idle', { idleStopSeconds: 0.2 });
    await workspace.run(command('echo x > kept; sleep 0.5'));
    await waitFor(async () => (await workspace.inspect()).state === 'stopped');
    assert.equal(await workspace.read('kept'), 'x\n');
    assert.equal((await workspace.inspect()).generation, 2);
  });
});

/** The tests' only way to see what happens by itself; the runner's time-out ends it. */
async function waitFor(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10));
}
