import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { startTestServer } from '../mcp/stand-in.ts';
import { taskRow } from '../mcp/stand-in-hub.ts';
import { addArtifact, api, eventsOf } from './clients.ts';

describe('an operation over HTTP', () => {
  test('answers with its structured output', async () => {
    await using server = await startTestServer();
    const { status, body } = await api(server.url, 'POST /api/operations/echo', { message: 'hi' });
    assert.deepEqual([status, body], [200, { message: 'hi' }]);
  });

  test('may be called by an alias', async () => {
    await using server = await startTestServer();
    server.watch.release();
    const { body } = await api(server.url, 'POST /api/operations/test.wait', { label: 'a' });
    assert.deepEqual(body, { label: 'a' });
  });

  test('answers 202 while it is pending', async () => {
    await using server = await startTestServer();
    const { status, body } = await api(server.url, 'POST /api/operations/test_pending', {});
    assert.deepEqual([status, body.task_id], [202, 'T']);
  });

  test('fails with the status of the table and the body of every error', async () => {
    await using server = await startTestServer();
    const { status, body } = await api(server.url, 'POST /api/operations/test_fail', { how: 'visible' });
    assert.equal(status, 404);
    assert.deepEqual(body, {
      error: 'File not found: a.txt',
      code: 'FILE_NOT_FOUND',
      hint: 'call fs_list to see what is there',
      retryable: false,
      details: { path: 'a.txt' },
    });
  });

  test('never shows what was thrown', async () => {
    await using server = await startTestServer();
    const { status, body } = await api(server.url, 'POST /api/operations/test_fail', { how: 'secret' });
    assert.equal(status, 500);
    assert.match(String(body.error), /^internal error, reference [0-9a-f-]{36}$/);
    assert.doesNotMatch(JSON.stringify(body), /hunter2/);
  });

  test('is cancelled when the client goes away', async () => {
    await using server = await startTestServer();
    const leaving = new AbortController();
    const lost = fetch(`${server.url}/api/operations/test_wait`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"label":"gone"}',
      signal: leaving.signal,
    });
    await server.watch.until(() => server.watch.started.includes('gone'));
    leaving.abort();
    await assert.rejects(lost);
    await server.watch.until(() => server.watch.cancelled.includes('gone'));
  });

  const refused: [string, string, Record<string, string>, number][] = [
    ['that is no JSON', '{', { 'content-type': 'application/json' }, 400],
    ['that is no object', '[1]', { 'content-type': 'application/json' }, 400],
    ['nested too deeply', '['.repeat(500), { 'content-type': 'application/json' }, 400],
    ['of another type', 'message=hi', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['over the cap', JSON.stringify({ message: 'x'.repeat(5000) }), { 'content-type': 'application/json' }, 413],
  ];
  for (const [what, body, headers, expected] of refused) {
    test(`refuses a body ${what}`, async () => {
      await using server = await startTestServer({ http: { max_body_bytes: 4096 } });
      const answer = await api(server.url, 'POST /api/operations/echo', body, headers);
      assert.deepEqual([answer.status, answer.body.code], [expected, 'VALIDATION_ERROR']);
    });
  }

  test('that is unknown answers 404 and names the known ones', async () => {
    await using server = await startTestServer();
    const { status, body } = await api(server.url, 'POST /api/operations/nope', {});
    assert.deepEqual([status, body.code], [404, 'NOT_FOUND']);
    assert.match(String(body.hint), /run_python/);
    assert.equal((await api(server.url, 'POST /api/operations/%', {})).status, 404);
  });

  test('is called with POST only', async () => {
    await using server = await startTestServer();
    const { status, body, headers } = await api(server.url, 'GET /api/operations/echo');
    assert.deepEqual([status, headers.get('allow'), body.code], [405, 'POST', 'VALIDATION_ERROR']);
  });

  test('gets no body over the cap that does not say how long it is', async () => {
    await using server = await startTestServer({ http: { max_body_bytes: 4096 } });
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode('x'.repeat(1000)));
      },
    });
    const headers = { 'content-type': 'application/json' };
    const sent: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
    assert.equal((await fetch(`${server.url}/api/operations/echo`, sent)).status, 413);
  });
});

describe('workspaces over HTTP', () => {
  test('are created, listed, shown and deleted', async () => {
    await using server = await startTestServer();
    const created = await api(server.url, 'POST /api/workspaces', { name: 'a' });
    const id = String(created.body.workspace_id);
    assert.deepEqual([created.status, created.headers.get('location')], [201, `/api/workspaces/${id}`]);
    assert.equal((await api(server.url, 'GET /api/workspaces?limit=5')).body.total, 1);
    assert.equal((await api(server.url, `GET /api/workspaces/${id}`)).body.workspace_id, id);
    assert.equal((await api(server.url, `DELETE /api/workspaces/${id}`)).body.deleted, true);
    const gone = await api(server.url, `GET /api/workspaces/${id}`);
    assert.deepEqual([gone.status, gone.body.code], [404, 'WORKSPACE_NOT_FOUND']);
  });

  test('refuse a query argument out of bounds', async () => {
    await using server = await startTestServer();
    for (const query of ['limit=0', 'limit=x', 'colour=red']) {
      assert.equal((await api(server.url, `GET /api/workspaces?${query}`)).status, 400, query);
    }
  });

  test('have metadata that PATCH merges and PUT replaces', async () => {
    await using server = await startTestServer();
    const { body } = await api(server.url, 'POST /api/workspaces', {});
    const path = `/api/workspaces/${body.workspace_id}`;
    const set = async (target: string, value: unknown) => (await api(server.url, target, value)).body.metadata;
    assert.deepEqual(await set(`PATCH ${path}`, { metadata: { a: '1' } }), { a: '1' });
    assert.deepEqual(await set(`PATCH ${path}`, { metadata: { b: '2' } }), { a: '1', b: '2' });
    assert.deepEqual(await set(`PUT ${path}/metadata`, { c: '3' }), { c: '3' });
    assert.deepEqual(await set(`PUT ${path}/metadata`, { metadata: { d: '4' } }), { d: '4' });
    assert.equal((await api(server.url, `PATCH ${path}`, { metadata: { a: 1 } })).status, 400);
    assert.equal((await api(server.url, 'PATCH /api/workspaces/ws_none', { metadata: {} })).status, 404);
  });
});

describe('tasks over HTTP', () => {
  test('are listed, shown and cancelled', async () => {
    await using server = await startTestServer();
    const task = taskRow();
    server.hub.taskRows.set(task.id, task);
    assert.equal((await api(server.url, `GET /api/tasks/${task.id}`)).body.status, 'running');
    const { body } = await api(server.url, `DELETE /api/tasks/${task.id}`);
    assert.deepEqual([body.cancelled, body.status], [true, 'cancelled']);
    assert.equal((await api(server.url, 'GET /api/tasks')).status, 200);
  });

  test('of another caller answer like ones that never were', async () => {
    await using server = await startTestServer();
    const foreign = taskRow({ caller: 'somebody else' });
    server.hub.taskRows.set(foreign.id, foreign);
    const unknown = taskRow().id;
    const [a, b] = [
      await api(server.url, `GET /api/tasks/${foreign.id}`),
      await api(server.url, `GET /api/tasks/${unknown}`),
    ];
    assert.deepEqual([a.status, b.status], [404, 404]);
    assert.equal(JSON.stringify(a.body).replaceAll(foreign.id, 'X'), JSON.stringify(b.body).replaceAll(unknown, 'X'));
    assert.equal((await api(server.url, `GET /api/tasks/${foreign.id}/events`)).status, 404);
  });
});

describe('a stream of events', () => {
  test('starts anew, goes on live, and resumes after Last-Event-ID without a gap or a repeat', async () => {
    await using server = await startTestServer();
    const task = taskRow();
    server.hub.taskRows.set(task.id, task);
    const stream = `task:${task.id}`;
    for (const type of ['a', 'b']) server.hub.append(stream, type);
    const open = (headers: Record<string, string>) => {
      const closing = new AbortController();
      return {
        closing,
        response: fetch(`${server.url}/api/tasks/${task.id}/events`, { headers, signal: closing.signal }),
      };
    };
    const first = open({});
    const response = await first.response;
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    const seen: string[] = [];
    for await (const { id, event } of eventsOf(response)) {
      seen.push(`${id} ${event}`);
      if (seen.length === 2) server.hub.append(stream, 'c');
      if (seen.length === 3) break;
    }
    first.closing.abort();
    assert.deepEqual(seen, ['1 a', '2 b', '3 c']);
    server.hub.append(stream, 'd');
    const second = open({ 'last-event-id': '2' });
    const resumed: string[] = [];
    for await (const { id, data } of eventsOf(await second.response)) {
      resumed.push(id);
      assert.equal(JSON.parse(data).stream, stream);
      if (resumed.length === 2) break;
    }
    second.closing.abort();
    assert.deepEqual(resumed, ['3', '4']);
  });

  test('refuses an id that is none', async () => {
    await using server = await startTestServer();
    const task = taskRow();
    server.hub.taskRows.set(task.id, task);
    const answer = await api(server.url, `GET /api/tasks/${task.id}/events`, undefined, { 'last-event-id': '-1' });
    assert.equal(answer.status, 400);
  });
});

describe('the content of an artifact', () => {
  const bytes = Buffer.from('0123456789');
  const artifact = { id: 'art_a', name: 'naïve "x".html', contentType: 'text/html', bytes };
  const get = (url: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/artifacts/art_a/content`, { headers });

  test('comes whole, as an attachment that no browser runs', async () => {
    await using server = await startTestServer();
    addArtifact(server.hub, artifact);
    const response = await get(server.url);
    assert.equal(await response.text(), '0123456789');
    assert.equal(response.headers.get('etag'), `"${'b'.repeat(64)}"`);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(
      response.headers.get('content-disposition'),
      `attachment; filename="na_ve _x_.html"; filename*=UTF-8''na%C3%AFve%20%22x%22.html`,
    );
  });

  const ranges: [string, number, string, string | null][] = [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ];
  for (const [range, status, text, contentRange] of ranges) {
    test(`of range ${range} answers ${status}`, async () => {
      await using server = await startTestServer();
      addArtifact(server.hub, artifact);
      const response = await get(server.url, { range });
      assert.deepEqual(
        [response.status, await response.text(), response.headers.get('content-range')],
        [status, text, contentRange],
      );
    });
  }

  test('is not sent again to who has it', async () => {
    await using server = await startTestServer();
    addArtifact(server.hub, artifact);
    assert.equal((await get(server.url, { 'if-none-match': `"${'b'.repeat(64)}"` })).status, 304);
    assert.equal((await get(server.url, { range: 'bytes=0-0', 'if-range': '"other"' })).status, 200);
  });

  test('that is not there answers 404', async () => {
    await using server = await startTestServer();
    assert.equal((await api(server.url, 'GET /api/artifacts/art_none/content')).body.code, 'ARTIFACT_NOT_FOUND');
  });
});

describe('an upload', () => {
  const content = Buffer.from('some bytes');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const put = (url: string, path: unknown, body: Buffer) =>
    fetch(new URL(String(path), url), { method: 'PUT', body: new Uint8Array(body) });

  test('becomes the artifact that was announced', async () => {
    await using server = await startTestServer();
    const announced = { name: 'a.bin', size_bytes: content.length, sha256 };
    const { status, body } = await api(server.url, 'POST /api/artifacts', announced);
    assert.equal(status, 201);
    assert.ok(Date.parse(String(body.expires_at)) > Date.now());
    assert.equal((await put(server.url, body.upload_url, content)).status, 201);
    const stored = await fetch(`${server.url}/api/artifacts/${body.artifact_id}/content`);
    assert.equal(await stored.text(), 'some bytes');
    assert.equal((await put(server.url, body.upload_url, content)).status, 404, 'a URL is good for one upload');
  });

  const wrong: [string, Record<string, unknown>, number][] = [
    ['a digest that differs', { sha256: '0'.repeat(64) }, 400],
    ['less than was announced', { size_bytes: content.length + 1 }, 400],
    ['more than was announced', { size_bytes: content.length - 1 }, 413],
  ];
  for (const [what, announced, status] of wrong) {
    test(`of ${what} is refused, and may be sent again`, async () => {
      await using server = await startTestServer();
      const { body } = await api(server.url, 'POST /api/artifacts', { name: 'a.bin', ...announced });
      assert.equal((await put(server.url, body.upload_url, content)).status, status);
      assert.equal(server.hub.artifactRows.size, 0);
      assert.equal((await put(server.url, body.upload_url, content)).status, status);
    });
  }

  test('to a URL that was never given answers 404', async () => {
    await using server = await startTestServer();
    assert.equal((await put(server.url, '/api/uploads/up_none', content)).status, 404);
  });
});

test('workers are listed, drained and removed', async () => {
  await using server = await startTestServer();
  const list = async () => (await api(server.url, 'GET /api/workers')).body.workers;
  assert.match(JSON.stringify(await list()), /"worker_id":"wk_one","slots":4/);
  assert.deepEqual((await api(server.url, 'POST /api/workers/wk_one/drain')).body, {
    worker_id: 'wk_one',
    is_draining: true,
    workspaces_left: 1,
    is_empty: false,
  });
  assert.deepEqual((await api(server.url, 'POST /api/workers/wk_one/undrain')).body, {
    worker_id: 'wk_one',
    is_draining: false,
  });
  const named = await api(server.url, 'POST /api/operations/worker_list');
  assert.deepEqual(named.body.workers, await list());
  assert.equal((await api(server.url, 'DELETE /api/workers/wk_one')).status, 200);
  assert.deepEqual(await list(), []);
});
