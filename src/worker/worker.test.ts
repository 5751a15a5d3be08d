import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, errorOf, outputOf, python, TestWorker } from './test-worker.ts';

describe('worker', () => {
  let worker: TestWorker;
  before(async () => {
    worker = await TestWorker.start();
  });
  after(() => worker.close());

  it('runs Python in a box that is made when it is needed', async () => {
    const workspace = await worker.open('ws_first');
    assert.equal((await workspace.inspect()).state, 'ready');
    assert.equal((await workspace.inspect()).generation, 0);
    const outcome = await workspace.run(python('print(6 * 7)'));
    assert.deepEqual(
      { ...outputOf(outcome), duration_ms: 0 },
      {
        exit_code: 0,
        signal: null,
        stdout: '42\n',
        stderr: '',
        stdout_bytes: 3,
        stderr_bytes: 0,
        truncated: false,
        timed_out: false,
        duration_ms: 0,
      },
    );
    assert.equal(outcome.generation, 1);
    assert.equal(outcome.sequence, 1);
    const { usage, state } = await workspace.inspect();
    assert.equal(state, 'ready');
    assert.ok((usage?.disk_bytes ?? 0) > 0);
  });

  it('tells a program from a shell command, and its exit from a signal', async () => {
    const workspace = await worker.open('ws_commands');
    assert.equal(outputOf(await workspace.run(command('echo $((1+1)); exit 3'))).stdout, '2\n');
    assert.equal(outputOf(await workspace.run(command(['echo', '$HOME']))).stdout, '$HOME\n');
    const killed = outputOf(await workspace.run(command('kill -9 $$')));
    assert.equal(killed.exit_code, 137);
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal(killed.limit_hit, undefined);
    assert.equal(outputOf(await workspace.run(command('kill -9 $$; ', { cwd: '' }))).timed_out, false);
  });

  it('keeps files, and registers what lies under artifacts', async () => {
    const workspace = await worker.open('ws_files');
    const written = await workspace.write('hello.py', 'print("hi")');
    assert.equal(written.output.bytes_written, 11);
    assert.equal(await workspace.read('hello.py'), 'print("hi")');
    assert.equal(outputOf(await workspace.run(python('', { code: undefined, file: 'hello.py' }))).stdout, 'hi\n');
    const code = 'import zipfile; zipfile.ZipFile("artifacts/hello-package.zip", "w").write("hello.py")';
    const [artifact, ...others] = (await workspace.run(python(code))).artifacts;
    assert.equal(others.length, 0);
    assert.equal(artifact?.path, 'artifacts/hello-package.zip');
    assert.equal(artifact?.contentType, 'application/zip');
    assert.equal((await worker.blobs.stat(artifact?.sha256 ?? ''))?.sizeBytes, artifact?.sizeBytes);
    assert.deepEqual((await workspace.run(python('pass'))).artifacts, []);
    const uploaded = await workspace.write('artifacts/note.txt', 'x');
    assert.deepEqual(
      uploaded.artifacts.map(({ path }) => path),
      ['artifacts/note.txt'],
    );
  });

  it('never waits for a FIFO among the artifacts', async () => {
    const workspace = await worker.open('ws_fifo');
    const outcome = await workspace.run(
      command('mkfifo artifacts/pipe; ln -s /etc/passwd artifacts/link; echo > artifacts/a'),
    );
    assert.deepEqual(
      outcome.artifacts.map(({ path }) => path),
      ['artifacts/a'],
    );
  });

  it('ends a run at its time limit and goes on', async () => {
    const workspace = await worker.open('ws_time');
    const output = outputOf(await workspace.run(python('while True: pass', { timeoutSeconds: 1 })));
    assert.equal(output.timed_out, true);
    assert.equal(output.limit_hit, 'wall');
    assert.equal(output.exit_code, 137);
    assert.equal(outputOf(await workspace.run(python('print(1)'))).stdout, '1\n');
  });

  it('runs ten jobs that are sent at once in their order', async () => {
    const workspace = await worker.open('ws_order');
    const runs = Array.from({ length: 10 }, (_, i) => workspace.run(command(`echo ${i} >> log`)));
    const outcomes = await Promise.all(runs);
    assert.deepEqual(
      outcomes.map(({ sequence }) => sequence),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.equal(await workspace.read('log'), '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n');
  });

  it('answers a resend with the first answer', async () => {
    const workspace = await worker.open('ws_resend');
    const commandId = randomUUID();
    const first = await workspace.submit(command('echo x >> log'), { commandId });
    assert.deepEqual(await workspace.submit(command('echo x >> log'), { commandId }), first);
    assert.equal(await workspace.read('log'), 'x\n');
  });

  it('keeps the variables of a context, and says once that they were lost with the box', async () => {
    const workspace = await worker.open('ws_context');
    await workspace.run(python('x = 41', { context: 'c' }));
    assert.equal(outputOf(await workspace.run(python('x + 1', { context: 'c' }))).result, '42');
    assert.deepEqual((await workspace.inspect()).contexts, [{ name: 'c', generation: 1 }]);
    const killed = errorOf(await workspace.run(command('kill -9 -1; sleep 30')));
    assert.equal(killed.code, 'SANDBOX_DIED');
    assert.equal(killed.details.reason, 'killed');
    const lost = errorOf(await workspace.run(python('x', { context: 'c' })));
    assert.equal(lost.code, 'CONTEXT_LOST');
    const again = await workspace.run(python('x = 1; x', { context: 'c' }));
    assert.equal(again.generation, 2);
  });
});

describe('a box whose boxd was stopped by a program', () => {
  it('is ended when it does not answer, and the next call has another', async () => {
    const worker = await TestWorker.start({ sandbox: { spare_boxes: 0 } });
    try {
      const workspace = await worker.open('ws_stopped');
      await workspace.write('a', 'kept');
      const stopping = workspace.run(command('sleep 0.3; kill -STOP 2; sleep 600'));
      await pause(1_000);
      await assert.rejects(workspace.read('a'), { code: 'SANDBOX_DIED' });
      assert.equal(errorOf(await stopping).code, 'SANDBOX_DIED');
      assert.equal(await workspace.read('a'), 'kept');
    } finally {
      await worker.close();
    }
  });
});

describe('the tools of a workspace', () => {
  it('run in its box, with its variables where they run its code', async () => {
    const worker = await TestWorker.start({ sandbox: { spare_boxes: 0 } });
    try {
      const workspace = await worker.open('ws_tools', { env: { ANSWER: '42' } });
      await workspace.write(
        'test_it.py',
        'import os, unittest\nclass T(unittest.TestCase):\n def test_it(self): self.assertEqual(os.environ["ANSWER"], "42")\n',
      );
      const tested = await workspace.run({ kind: 'test', framework: 'unittest', args: [], timeoutSeconds: 60 });
      assert.equal(outputOf(tested).passed, 1);
      await workspace.run(command('git init -q'));
      const committed = await workspace.run({ kind: 'git_commit', message: 'One', path: '', timeoutSeconds: 60 });
      assert.match(String(outputOf(committed).commit), /^[0-9a-f]{7,40}$/);
      const again = await workspace.run({ kind: 'git_commit', message: 'Two', path: '', timeoutSeconds: 60 });
      assert.equal(errorOf(again).code, 'NOTHING_TO_COMMIT');
    } finally {
      await worker.close();
    }
  });
});

describe('the network of a workspace', () => {
  it('is refused by name, is told to the hub, and is off without rules', async () => {
    const worker = await TestWorker.start({ sandbox: { spare_boxes: 0 } });
    try {
      const url = 'http://127.0.0.1:9/x';
      const fetch = `import urllib.request\ntry: urllib.request.urlopen("${url}")\nexcept Exception as e: print(e)`;
      const open = await worker.open('ws_open', { network: { allow: [{ host: 'example.org', port: 443 }] } });
      const denied = outputOf(await open.run(python(fetch)));
      assert.match(String(denied.stdout), /403/);
      assert.ok(Array.isArray(denied.network_denied));
      assert.equal(denied.network_denied[0]?.host, '127.0.0.1');
      while (!worker.heard.connections.some(({ host, allowed }) => host === '127.0.0.1' && !allowed)) await pause();
      const off = await worker.open('ws_off');
      assert.match(String(outputOf(await off.run(python(fetch))).stdout), /refused|unreachable/i);
      assert.equal(outputOf(await off.run(command('env | grep -ci proxy'))).stdout, '0\n');
    } finally {
      await worker.close();
    }
  });
});

describe('a spare box', () => {
  it('becomes the first box of a workspace with usual limits, with its files and its network', async () => {
    const worker = await TestWorker.start({ sandbox: { spare_boxes: 1 } });
    const usual = { memory_mb: 1024, cpus: 1, pids: 256, disk_mb: 2048 };
    try {
      const storage = () => readdir(join(worker.directory, 'workspaces', 'storage'));
      while (!(await storage().catch(() => [])).some(id => id.startsWith('spare_'))) await pause();
      // Its storage is made first; boxd answers last.
      while ((await readdir(join(worker.directory, 'workspaces', 'boxes')).catch(() => [])).length === 0) await pause();
      const network = { allow: [{ host: 'example.org', port: 443 }] };
      const workspace = await worker.open('ws_adopted', { limits: usual, network });
      await workspace.write('artifacts/a', 'x');
      assert.equal(outputOf(await workspace.run(command('cat artifacts/a; pwd'))).stdout, 'x/workspace\n');
      assert.equal((await workspace.inspect()).generation, 1);
      await workspace.run(command('kill -9 -1; sleep 9'));
      assert.equal(await workspace.read('artifacts/a'), 'x');
      await worker.ask('workspace.close', workspace.hold);
      assert.ok(!(await storage()).includes('ws_adopted'));
    } finally {
      await worker.close();
    }
  });
});

const pause = (ms = 10) => new Promise(resolve => setTimeout(resolve, ms));
