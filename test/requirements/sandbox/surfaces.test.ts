import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { z } from 'zod';
import { commandLine } from '../../support/command-line.ts';
import { cleanEnvironment, runCli, scratchDirectory, startServer } from '../../support/server.ts';
import { type Verifier, verifications } from './verify.ts';

type Json = Record<string, unknown>;

const workerSchema = z.looseObject({ worker_id: z.string() });

async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Json }> {
  const init =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(url, { method, headers, ...init });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : Object(JSON.parse(text)) };
}

verifications('surfaces', declare);

function declare({ once }: Verifier): void {
  once('http.operations', async ({ url }) => {
    const echo = await send(`${url}/api/operations/echo`, 'POST', { message: 'hi' });
    assert.deepEqual(echo, { status: 200, body: { message: 'hi' } });
    const pending = await send(`${url}/api/operations/run_command`, 'POST', { command: 'sleep 1', wait_seconds: 0 });
    assert.equal(pending.status, 202);
    assert.equal((await send(`${url}/api/operations/nothing`, 'POST', {})).status, 404);
  });

  once('shared.failure_http', async ({ url }) => {
    for (const [tool, args, status] of [
      ['fs_read', {}, 400],
      ['workspace_get', { workspace_id: 'ws_absent' }, 404],
      ['task_get_status', { task_id: 'x' }, 404],
    ] as const) {
      const answer = await send(`${url}/api/operations/${tool}`, 'POST', args);
      assert.equal(answer.status, status, tool);
      assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'error', 'hint', 'retryable']);
    }
  });

  once('http.workspaces', async ({ url }) => {
    const made = await send(`${url}/api/workspaces`, 'POST', { metadata: { a: '1', b: '2' } });
    const id = String(made.body.workspace_id);
    assert.ok(id.startsWith('ws_'));
    const listed = await send(`${url}/api/workspaces`, 'GET');
    assert.ok(JSON.stringify(listed.body.workspaces).includes(id));
    const merged = await send(`${url}/api/workspaces/${id}`, 'PATCH', { metadata: { b: '3' } });
    assert.deepEqual(merged.body.metadata, { a: '1', b: '3' });
    const replaced = await send(`${url}/api/workspaces/${id}/metadata`, 'PUT', { c: '4' });
    assert.deepEqual(replaced.body.metadata, { c: '4' });
    assert.equal((await send(`${url}/api/workspaces/${id}`, 'DELETE')).body.deleted, true);
    assert.equal((await send(`${url}/api/workspaces/${id}`, 'GET')).status, 404);
  });

  once('workspace.fresh', async ({ url }) => {
    for (const [tool, args] of [
      ['fs_write', { path: 'a', content: 'x' }],
      ['run_python', { code: '1' }],
      ['run_command', { command: 'true' }],
      ['artifact_upload', { name: 'a', content: 'x' }],
    ] as const) {
      const { body } = await send(`${url}/api/operations/${tool}`, 'POST', args);
      assert.match(String(body.workspace_id), /^ws_/, tool);
      await send(`${url}/api/workspaces/${body.workspace_id}`, 'DELETE');
    }
    const before = (await send(`${url}/api/workspaces`, 'GET')).body.total;
    for (const [tool, args] of [
      ['fs_read', { path: 'a' }],
      ['fs_list', {}],
      ['run_python', { file: 'a.py' }],
      ['test_run', {}],
      ['workspace_get', {}],
      ['artifact_list', {}],
      ['artifact_upload', { path: 'a' }],
    ] as const) {
      assert.equal((await send(`${url}/api/operations/${tool}`, 'POST', args)).body.code, 'WORKSPACE_REQUIRED', tool);
    }
    assert.equal((await send(`${url}/api/workspaces`, 'GET')).body.total, before);
  });

  once('error.WORKSPACE_REQUIRED', async ({ url }) => {
    const { status, body } = await send(`${url}/api/operations/fs_read`, 'POST', { path: 'a' });
    assert.equal(status, 400);
    assert.equal(body.error, 'workspace_id is required for fs_read');
  });

  once('order.tasks_extension', async ({ url }) => {
    const meta = (extensions: Json) => ({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { extensions },
    });
    const ask = async (method: string, name: string, params: Json) => {
      const headers = {
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': name,
      };
      const { body } = await send(`${url}/mcp`, 'POST', { jsonrpc: '2.0', id: 1, method, params }, headers);
      return Object(body.result);
    };
    const call = { name: 'run_command', arguments: { command: 'echo done' } };
    const tasks = { 'io.modelcontextprotocol/tasks': {} };
    const plain = await ask('tools/call', 'run_command', { ...call, _meta: meta({}) });
    assert.equal(plain.resultType, 'complete');
    const created = await ask('tools/call', 'run_command', { ...call, _meta: meta(tasks) });
    assert.equal(created.resultType, 'task', JSON.stringify(created));
    assert.equal(created.status, 'working');
    const status = await send(`${url}/api/tasks/${created.taskId}`, 'GET');
    assert.equal(status.body.task_id, created.taskId);
    await send(`${url}/api/operations/task_get_result`, 'POST', { task_id: created.taskId, wait_seconds: 30 });
    const got = await ask('tasks/get', created.taskId, { taskId: created.taskId, _meta: meta(tasks) });
    assert.equal(got.status, 'completed');
    assert.equal(got.result.structuredContent.stdout, 'done\n');
  });

  once('http.tasks', async ({ url }) => {
    const { body } = await send(`${url}/api/operations/run_command`, 'POST', { command: 'sleep 60', wait_seconds: 0 });
    const listed = await send(`${url}/api/tasks?workspace_id=${body.workspace_id}`, 'GET');
    assert.ok(JSON.stringify(listed.body.tasks).includes(String(body.task_id)));
    assert.match(String((await send(`${url}/api/tasks/${body.task_id}`, 'GET')).body.status), /queued|running/);
    assert.equal((await send(`${url}/api/tasks/${body.task_id}`, 'DELETE')).body.cancelled, true);
    await send(`${url}/api/workspaces/${body.workspace_id}`, 'DELETE');
  });

  once('http.events', async ({ url }) => {
    const { body } = await send(`${url}/api/operations/run_command`, 'POST', { command: 'sleep 0.2', wait_seconds: 0 });
    const first = await readEvents(`${url}/api/tasks/${body.task_id}/events`, 2);
    assert.deepEqual(
      first.map(event => event.id),
      ['1', '2'],
    );
    const resumed = await readEvents(`${url}/api/tasks/${body.task_id}/events`, 1, { 'last-event-id': '1' });
    assert.deepEqual(resumed[0], first[1]);
    const workspace = await readEvents(`${url}/api/workspaces/${body.workspace_id}/events`, 1);
    assert.equal(workspace[0]?.id, '1');
    await send(`${url}/api/workspaces/${body.workspace_id}`, 'DELETE');
  });

  once('http.artifacts', async ({ url }) => {
    const { body } = await send(`${url}/api/operations/artifact_upload`, 'POST', {
      name: 'a.txt',
      content: '0123456789',
    });
    const address = `${url}${body.download_url}`;
    const whole = await fetch(address);
    assert.equal(await whole.text(), '0123456789');
    assert.match(whole.headers.get('content-disposition') ?? '', /attachment/);
    const part = await fetch(address, { headers: { range: 'bytes=2-4' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), 'bytes 2-4/10');
    assert.equal(await part.text(), '234');
    assert.equal((await fetch(address, { headers: { range: 'bytes=50-' } })).status, 416);
  });

  once('http.upload', async ({ url }) => {
    const { body: workspace } = await send(`${url}/api/workspaces`, 'POST', {});
    const content = Buffer.from('uploaded bytes');
    const sha256 = createHash('sha256').update(content).digest('hex');
    const ask = { workspace_id: workspace.workspace_id, name: 'up.bin', size_bytes: content.length, sha256 };
    const granted = await send(`${url}/api/artifacts`, 'POST', ask);
    const target = new URL(String(granted.body.upload_url), url);
    const wrong = await fetch(target, { method: 'PUT', body: 'uploaded bytez' });
    assert.equal(wrong.status, 400);
    const right = await fetch(target, { method: 'PUT', body: content });
    const uploaded = await right.text();
    assert.ok(right.ok, uploaded);
    assert.equal(Object(JSON.parse(uploaded)).artifact_id, granted.body.artifact_id);
    const back = await fetch(`${url}/api/artifacts/${granted.body.artifact_id}/content`);
    assert.equal(await back.text(), 'uploaded bytes');
  });

  once('http.workers', async ({ url }) => {
    const { body } = await send(`${url}/api/workers`, 'GET');
    const ids = z
      .array(workerSchema)
      .parse(body.workers)
      .map(worker => worker.worker_id);
    assert.ok(ids.length > 0);
    const drainAll = async (how: object) => {
      for (const id of ids) assert.equal((await send(`${url}/api/workers/${id}/drain`, 'POST', how)).status, 200);
    };
    await drainAll({});
    assert.equal((await send(`${url}/api/workspaces`, 'POST', {})).body.code, 'NO_WORKER_AVAILABLE');
    await drainAll({ drain: false });
    assert.match(String((await send(`${url}/api/workspaces`, 'POST', {})).body.workspace_id), /^ws_/);
  });

  once('feature.workers', async ({ url }) => {
    const { body } = await send(`${url}/api/workers`, 'GET');
    const worker = Object(body.workers)[0];
    assert.equal(worker.slots, 32);
    assert.equal(typeof worker.labels, 'object');
    assert.match(JSON.stringify(worker), /bubblewrap/);
    assert.ok(worker.capabilities.languages.includes('python'), JSON.stringify(worker));
    assert.ok(worker.capabilities.tools.includes('git'), JSON.stringify(worker));
  });

  once('http.gone', async ({ url }) => {
    for (const path of ['/mcp/sse', '/mcp/message']) {
      const answer = await send(
        `${url}${path}`,
        path.endsWith('sse') ? 'GET' : 'POST',
        path.endsWith('sse') ? undefined : {},
      );
      assert.equal(answer.status, 410, path);
      assert.match(JSON.stringify(answer.body), /\/mcp/);
    }
  });

  once('error.UNAUTHORIZED', async ({ url }) => {
    const answer = await send(`${url}/api/operations/echo`, 'POST', { message: 'x' }, { 'x-forwarded-for': '1.2.3.4' });
    assert.equal(answer.status, 401);
    assert.equal(answer.body.error, 'Unauthorized: Bearer token required');
  });

  once('failure.18', async ({ url }) => {
    assert.equal(
      (await send(`${url}/api/operations/echo`, 'POST', { message: 'x' }, { origin: 'https://evil.example' })).status,
      403,
    );
    assert.equal((await send(`${url}/mcp`, 'POST', {}, { origin: 'https://evil.example' })).status, 403);
  });

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
    const { body } = await send(`${server.url}/api/workers`, 'GET');
    assert.equal(Object(body.workers)[0].slots, 7);
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

interface SseEvent {
  id: string;
  data: string;
}

/** The first `count` events of a stream; then it is closed. */
async function readEvents(url: string, count: number, headers: Record<string, string> = {}): Promise<SseEvent[]> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  assert.match(response.headers.get('content-type') ?? '', /text\/event-stream/);
  const events: SseEvent[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /^id: ?(.*)$/m.exec(block)?.[1];
      const data = /^data: ?(.*)$/m.exec(block)?.[1];
      if (id && data) events.push({ id, data });
    }
    if (events.length >= count) break;
  }
  leaving.abort();
  return events.slice(0, count);
}
