import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readEvents } from '../../support/read-events.ts';
import { declareCommandLine } from './command-line.ts';
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

function declare(verifier: Verifier): void {
  const { once } = verifier;
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

  declareCommandLine(verifier);
}
