import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { messageOf, MODERN, post, postModern } from './clients.ts';
import { startTestServer } from './stand-in.ts';

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};

async function open(url: string): Promise<string> {
  const response = await post(url, initialize);
  await response.text();
  const id = response.headers.get('mcp-session-id');
  assert.ok(id, 'initialize answers with mcp-session-id');
  return id;
}

const call = (id: number | string, name: string, args: Record<string, unknown>) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});
const inSession = (id: string) => ({ headers: { 'mcp-session-id': id } });
const workspaceOf = async (response: Response): Promise<string> =>
  (await messageOf(response)).result.structuredContent.workspace_id;

describe('a legacy session', () => {
  test('keeps a connection of its own: it has one default workspace, others have others', async () => {
    await using server = await startTestServer();
    const [a, b] = [await open(server.url), await open(server.url)];
    const list = call(2, 'artifact.list', {});
    const first = await workspaceOf(await post(server.url, list, inSession(a)));
    assert.equal(await workspaceOf(await post(server.url, list, inSession(a))), first);
    assert.notEqual(await workspaceOf(await post(server.url, list, inSession(b))), first);
  });

  test('without one, a legacy request has no default workspace', async () => {
    await using server = await startTestServer();
    const answer = await messageOf(await post(server.url, call(2, 'artifact_list', {})));
    assert.match(JSON.stringify(answer.result), /WORKSPACE_REQUIRED/);
  });

  test('ends with DELETE, and its connection with it', async () => {
    await using server = await startTestServer();
    const id = await open(server.url);
    assert.equal((await fetch(`${server.url}/mcp`, { ...inSession(id), method: 'DELETE' })).status, 200);
    assert.equal(server.hub.closedConnections.length, 1);
    assert.equal((await post(server.url, call(2, 'echo', { message: 'x' }), inSession(id))).status, 404);
  });

  test('cancels by its own request ids only', async () => {
    await using server = await startTestServer();
    const [a, b] = [await open(server.url), await open(server.url)];
    void post(server.url, call(3, 'test_wait', { label: 'a' }), inSession(a)).catch(() => {});
    const other = post(server.url, call(3, 'test_wait', { label: 'b' }), inSession(b)).then(messageOf);
    await server.watch.until(() => server.watch.started.length === 2);
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } };
    await post(server.url, cancel, inSession(a));
    await server.watch.until(() => server.watch.cancelled.length > 0);
    server.watch.release();
    assert.deepEqual((await other).result.structuredContent, { label: 'b' });
    assert.deepEqual(server.watch.cancelled, ['a']);
  });

  test('two sessions with the same request ids get their own answers', async () => {
    await using server = await startTestServer();
    const ids = [await open(server.url), await open(server.url)];
    const answers = await Promise.all(
      ids.map(async (id, at) =>
        messageOf(await post(server.url, call(9, 'echo', { message: `m${at}` }), inSession(id))),
      ),
    );
    assert.deepEqual(
      answers.map(({ result }) => result.structuredContent.message),
      ['m0', 'm1'],
    );
  });

  test('that never was answers 404', async () => {
    await using server = await startTestServer();
    const response = await post(server.url, call(2, 'echo', { message: 'x' }), inSession('no-such-session'));
    assert.equal(response.status, 404);
  });

  test('makes room among the caller’s own: the one idle longest goes', async () => {
    await using server = await startTestServer({ mcp: { sessions: { maxPerCaller: 2 } } });
    const first = await open(server.url);
    const second = await open(server.url);
    const echo = call(2, 'echo', { message: 'x' });
    await messageOf(await post(server.url, echo, inSession(first)));
    const third = await open(server.url);
    const statuses = [];
    for (const id of [first, second, third]) statuses.push((await post(server.url, echo, inSession(id))).status);
    assert.deepEqual(statuses, [200, 404, 200]);
  });

  test('opens a stream for what the server has to say', async () => {
    await using server = await startTestServer();
    const id = await open(server.url);
    const closing = new AbortController();
    const stream = await fetch(`${server.url}/mcp`, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': id },
      signal: closing.signal,
    });
    assert.equal(stream.status, 200);
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    closing.abort();
  });
});

describe('the modern era', () => {
  test('has no sessions: the header is ignored', async () => {
    await using server = await startTestServer();
    const options = inSession('no-such-session');
    const answer = await messageOf(await postModern(server.url, { method: 'tools/list' }, options));
    assert.ok(answer.result.tools.length > 0);
  });

  for (const method of ['GET', 'DELETE', 'PUT']) {
    test(`answers ${method} with 405`, async () => {
      await using server = await startTestServer();
      const headers = { 'mcp-protocol-version': MODERN };
      const response = await fetch(`${server.url}/mcp`, { method, headers });
      assert.equal(response.status, 405);
      assert.ok(response.headers.get('allow')?.includes('POST'));
    });
  }
});
