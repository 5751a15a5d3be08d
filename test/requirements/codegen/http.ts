import assert from 'node:assert/strict';
import { post } from '../../support/codegen-server.ts';
import { eventually } from '../../support/eventually.ts';
import { type CodegenVerifier, CONFIGURED_ORIGIN, type Grounds } from './verify.ts';

const NOBODY = '550e8400-e29b-41d4-a716-446655440000';

/** `POST /mcp {command, args}` and `GET /sse`. */
export function declareHttp({ once }: CodegenVerifier, grounds: () => Grounds): void {
  once('command.form', async ({ url }) => {
    await grounds().begin(url);
    const bare = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', accept: '' },
      body: '{"command":"list"}',
    });
    assert.equal(bare.status, 200);
    assert.match(bare.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(bare.headers.get('mcp-session-id'), null);
    assert.equal(Object(await bare.json()).status, 'success');
    assert.equal((await post(url, { command: 'list', args: {}, id: 7 })).status, 200);
    const listed = await post(url, { command: 'list', jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
    assert.equal(listed.body.jsonrpc, '2.0', 'with jsonrpc it is MCP');
  });

  once('command.refused', async ({ url }) => {
    for (const command of ['fly', 'command_name', 'codegen_new', 'NEW', 7, null, 'x'.repeat(500)]) {
      const { status, body } = await post(url, { command, args: { arg1: 'value1', arg2: 'value2' } });
      assert.deepEqual(
        [status, body.status, body.code, body.error],
        [400, 'error', 'UNKNOWN_COMMAND', 'Unknown command'],
      );
      assert.match(String(body.details), /is not supported.*new, resume, task_status, list, logs, config/);
    }
    for (const args of ['text', [1], null, 7]) {
      const { status, body } = await post(url, { command: 'list', args });
      assert.deepEqual([status, body.code], [400, 'VALIDATION_ERROR'], JSON.stringify(args));
    }
    for (const [body, type, status] of [
      ['{"command":"list"}', 'text/plain', 415],
      ['command=list', 'application/x-www-form-urlencoded', 415],
      ['{"command":', 'application/json', 400],
    ] as const) {
      const headers = { 'content-type': type };
      const response = await fetch(`${url}/mcp`, { method: 'POST', headers, body });
      assert.equal(response.status, status, type);
      if (status === 400) assert.equal(Object(await response.json()).error.code, -32700);
    }
  });

  once('command.origins', async ({ url }, { directories }) => {
    await grounds().begin(url);
    for (const [path, method] of [
      ['/mcp', 'POST'],
      ['/mcp', 'OPTIONS'],
      [`/sse?task_id=${NOBODY}`, 'GET'],
    ] as const) {
      const headers = { origin: 'https://evil.example', 'content-type': 'application/json' };
      const body = method === 'POST' ? '{"command":"list"}' : undefined;
      const response = await fetch(`${url}${path}`, { method, headers, body });
      assert.equal(response.status, 403, `${method} ${path}`);
      assert.equal(response.headers.get('access-control-allow-origin'), null);
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    }
    assert.equal(grounds().fake.requests.count(), 0);
    // Of several hubs none knows by itself what stands before them.
    for (const origin of directories.length === 1 ? [CONFIGURED_ORIGIN, url] : [CONFIGURED_ORIGIN]) {
      const headers = { origin, 'content-type': 'application/json' };
      const { status, headers: told } = await fetch(`${url}/mcp`, {
        method: 'POST',
        headers,
        body: '{"command":"list"}',
      });
      assert.deepEqual([status, told.get('access-control-allow-origin')], [200, origin]);
    }
  });

  once('sse.refused', async ({ url }) => {
    for (const [query, status, code] of [
      ['', 400, 'VALIDATION_ERROR'],
      ['?task_id=', 400, 'VALIDATION_ERROR'],
      ['?task_id=seven', 400, 'VALIDATION_ERROR'],
      [`?task_id=${NOBODY}`, 404, 'TASK_NOT_FOUND'],
    ] as const) {
      const response = await fetch(`${url}/sse${query}`);
      assert.equal(response.status, status, query);
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(Object(await response.json()).code, code);
    }
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
  });

  once('sse.stream', async ({ url }) => {
    const { fake, begin } = grounds();
    await begin(url);
    const { body: started } = await post(url, { command: 'new', args: { query: 'x' } });
    const follow = async () => {
      const response = await fetch(`${url}/sse?task_id=${String(started.task_id).toUpperCase()}`);
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.equal(response.headers.get('cache-control'), 'no-cache');
      assert.equal(response.headers.get('x-accel-buffering'), 'no');
      return response;
    };
    // The headers of both are there, so both read.
    const [one, other] = await Promise.all([follow(), follow()]);
    const told = async (change: object, field: string, value: unknown) => {
      fake.runs.change(Number(started.agent_run_id), change);
      await eventually(async () => {
        const { body } = await post(url, { command: 'task_status', args: { task_id: started.task_id } });
        return body[field] === value;
      }, 60_000);
    };
    await told({ status: 'EVALUATION' }, 'upstream_status', 'EVALUATION');
    await told({ web_url: 'https://codegen.com/elsewhere' }, 'web_url', 'https://codegen.com/elsewhere');
    await told({ status: 'MAX_ITERATIONS_REACHED' }, 'state', 'failed');
    const texts = await Promise.all([one.text(), other.text()]);
    assert.equal(texts[0], texts[1]);
    const events = [...texts[0].matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (\{.*\})\n\n/gm)];
    assert.deepEqual(
      events.map(([, , type]) => type),
      ['task_update', 'task_update', 'task_update', 'task_error'],
    );
    const ids = events.map(([, id]) => Number(id));
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
    );
    const last = JSON.parse(events.at(-1)?.[3] ?? '');
    const { body: task } = await post(url, { command: 'task_status', args: { task_id: started.task_id } });
    assert.deepEqual(last, task);
    const again = await fetch(`${url}/sse?task_id=${started.task_id}`, {
      headers: { 'last-event-id': String(ids.at(-1)) },
    });
    assert.equal(again.status, 204);
  });
}
