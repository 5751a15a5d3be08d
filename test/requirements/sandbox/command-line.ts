import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { commandLine } from '../../support/command-line.ts';
import { cleanEnvironment, runCli, scratchDirectory, startServer } from '../../support/server.ts';
import type { Verifier } from './verify.ts';

/** What the command line does with a running server, and without one. */
export function declareCommandLine({ once }: Verifier): void {
  once('shared.failure_cli', async ({ directory }) => {
    const absent = await runCli(['sandbox', 'get', '--workspace', 'ws_absent', '--directory', directory]);
    assert.equal(absent.code, 3);
    assert.equal(absent.stdout, '');
    assert.match(absent.stderr, /^error: .* \[WORKSPACE_NOT_FOUND\]\nhint: .+\n$/);
    const bad = await runCli(['sandbox', 'read', 'a', '--limit', 'many', '--directory', directory]);
    assert.equal(bad.code, 2);
    assert.equal((await runCli(['sandbox', 'nothing', '--directory', directory])).code, 2);
  });

  once('cli.exit', async ({ directory }) => {
    const run = await runCli([
      'sandbox',
      'python',
      'import sys; print("out"); print("err", file=sys.stderr); sys.exit(7)',
      '--directory',
      directory,
    ]);
    assert.deepEqual(run, { code: 7, stdout: 'out\n', stderr: 'err\n' });
    assert.equal((await runCli(['sandbox', 'run', '--directory', directory, '--', 'sh', '-c', 'exit 5'])).code, 5);
    assert.equal((await runCli(['sandbox', 'run', '--directory', directory, 'exit 6'])).code, 6);
  });

  once('cli.workspace', async ({ directory }) => {
    const created = JSON.parse((await runCli(['sandbox', 'create', '--json', '--directory', directory])).stdout);
    const env = { BOXSWAIN_WORKSPACE: created.workspace_id, BOXSWAIN_DIRECTORY: directory };
    const wrote = await runCli(['sandbox', 'write', 'a.txt'], { env, stdin: 'from stdin' });
    assert.equal(wrote.stdout, 'Wrote 10 bytes to a.txt\n', wrote.stderr);
    assert.equal((await runCli(['sandbox', 'read', 'a.txt'], { env })).stdout, 'from stdin');
    const named = await runCli([
      'sandbox',
      'read',
      'a.txt',
      '--workspace',
      created.workspace_id,
      '--directory',
      directory,
    ]);
    assert.equal(named.stdout, 'from stdin');
  });

  once('cli.verbs', async ({ directory }) => {
    const flags = ['--directory', directory, '--json'];
    const run = (words: readonly string[]) => commandLine(words, { env: cleanEnvironment() });
    const json = async (...words: string[]) => {
      const ended = await run([...words.slice(0, 2), ...flags, ...words.slice(2)]);
      assert.equal(ended.code, 0, `${words.join(' ')}: ${ended.stderr}`);
      return JSON.parse(ended.stdout);
    };
    const { workspace_id } = await json('sandbox', 'create', '--name', 'cli');
    const at = ['--workspace', workspace_id];
    await json('sandbox', 'write', 'a.py', '--content', 'print(1)\n', ...at);
    await json('sandbox', 'edit', 'a.py', '--edits', '[{"search":"1","replace":"2"}]', ...at);
    const [read, listed, python] = await Promise.all([
      json('sandbox', 'read', 'a.py', ...at),
      json('sandbox', 'ls', ...at),
      json('sandbox', 'python', '--file', 'a.py', ...at),
    ]);
    assert.deepEqual([read.content, listed.total_count, python.stdout], ['print(2)\n', 2, '2\n']);
    assert.equal((await json('sandbox', 'run', ...at, 'git init -q .')).exit_code, 0);
    await Promise.all([json('sandbox', 'commit', 'first', ...at), json('sandbox', 'upload', '--path', 'a.py', ...at)]);
    const [artifacts, artifact, { checkpoint_id }] = await Promise.all([
      json('sandbox', 'artifacts', ...at),
      json('sandbox', 'artifact', 'a.py', ...at),
      json('sandbox', 'checkpoint', ...at),
    ]);
    assert.deepEqual([artifacts.artifacts.length, artifact.data], [1, 'print(2)\n']);
    const [restored] = await Promise.all([
      json('sandbox', 'restore', checkpoint_id),
      json('sandbox', 'fork', ...at),
      json('sandbox', 'list'),
    ]);
    const { task_id } = await json('sandbox', 'run', '--wait-seconds', '0', ...at, 'sleep 30');
    assert.match((await json('task', 'status', task_id)).status, /queued|running/);
    assert.equal((await json('task', 'cancel', task_id)).cancelled, true);
    const [tasks, result, ...failed] = await Promise.all([
      json('task', 'list'),
      run(['task', 'result', task_id, ...flags]),
      ...['test', 'lint'].map(verb => run(['sandbox', verb, ...at, ...flags])),
      run(['sandbox', 'install', ...at, ...flags, '--', '--help']),
    ]);
    assert.ok(tasks.tasks.length > 0);
    assert.deepEqual([result.code, ...failed.map(({ code }) => code)], [5, 1, 1, 2]);
    assert.equal((await run(['sandbox', 'clone', 'ftp://a.example/x', ...at, ...flags])).code, 2);
    for (const id of [workspace_id, restored.workspace_id])
      assert.equal((await json('sandbox', 'delete', id)).deleted, true);
  });

  once('cli.environment', async () => {
    const scratch = await scratchDirectory();
    const env = {
      HTTP_PORT: '0',
      LOG_LEVEL: 'warn',
      MAX_SESSIONS: '7',
      GRPC_PORT: '50051',
      CLEANUP_INTERVAL: '5m',
      BASE_WORKSPACE: `${scratch.path}/base`,
    };
    const server = await startServer({ directory: scratch.path, env });
    const { workers } = Object(await (await fetch(`${server.url}/api/workers`)).json());
    assert.equal(workers[0].slots, 7);
    assert.match(server.log(), /GRPC_PORT/);
    assert.match(server.log(), /CLEANUP_INTERVAL/);
    await server.stop();
    await scratch.remove();
  });

  once('cli.http_flag', async () => {
    const scratch = await scratchDirectory();
    const holder = createServer();
    // Where something else holds the port already, that serves as well.
    await new Promise<void>(resolve => holder.once('error', () => resolve()).listen(8080, '127.0.0.1', resolve));
    const run = await runCli(['serve', '--http', '--directory', scratch.path]);
    assert.notEqual(run.code, 0);
    assert.match(run.stderr, /8080/);
    holder.close();
    await scratch.remove();
  });
}
