import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect, messageOf, post, postModern } from './clients.ts';
import { startTestServer } from './stand-in.ts';

async function names(
  url: string,
  options: { headers?: Record<string, string>; path?: string } = {},
): Promise<string[]> {
  await using peer = await connect(url, 'auto', options);
  return (await peer.client.listTools()).tools.map(tool => tool.name);
}

describe('a request narrows what is listed', () => {
  test('by header, by path, or not at all', async () => {
    await using server = await startTestServer();
    const all = await names(server.url);
    const sandbox = await names(server.url, { headers: { 'x-mcp-toolsets': 'sandbox' } });
    assert.ok(sandbox.includes('run_python') && !sandbox.includes('create_session'));
    assert.deepEqual(
      sandbox,
      all.filter(name => sandbox.includes(name)),
    );
    assert.deepEqual(await names(server.url, { path: '/mcp/x/sandbox' }), sandbox);
    assert.deepEqual(await names(server.url, { headers: { 'x-mcp-toolsets': 'all' } }), all);
  });

  test('to the tools of everyday work', async () => {
    await using server = await startTestServer();
    const core = await names(server.url, { path: '/mcp/x/core' });
    assert.ok(core.includes('run_python') && core.includes('echo'));
    assert.ok(!core.includes('workspace_fork'));
    assert.deepEqual(await names(server.url, { headers: { 'x-mcp-toolsets': ' Core ' } }), core);
  });

  test('to what changes nothing', async () => {
    await using server = await startTestServer();
    const reading = await names(server.url, { headers: { 'x-mcp-readonly': 'true' } });
    assert.ok(reading.includes('fs_read') && !reading.includes('fs_write'));
    const both = await names(server.url, { path: '/mcp/x/core', headers: { 'x-mcp-readonly': '1' } });
    assert.ok(both.length < reading.length && both.every(name => reading.includes(name)));
  });

  test('and what is not listed cannot be called', async () => {
    await using server = await startTestServer();
    const params = { name: 'fs_write', arguments: { path: 'a', content: 'b' } };
    const answer = await messageOf(
      await postModern(server.url, { method: 'tools/call', params }, { headers: { 'x-mcp-readonly': 'true' } }),
    );
    assert.deepEqual([answer.error.code, answer.error.message], [-32602, 'Unknown tool: fs_write']);
  });

  test('never to more than the server has', async () => {
    await using server = await startTestServer({
      operations: all => all.filter(operation => operation.hints.readOnly),
    });
    for (const toolsets of ['all', 'sandbox', 'core']) {
      const listed = await names(server.url, { headers: { 'x-mcp-toolsets': toolsets, 'x-mcp-readonly': 'false' } });
      assert.ok(!listed.includes('fs_write'), toolsets);
    }
  });

  test('but not to a toolset that is not there', async () => {
    await using server = await startTestServer();
    const options = { headers: { 'x-mcp-toolsets': 'sandbox,sandbocks' } };
    const response = await postModern(server.url, { method: 'tools/list' }, options);
    assert.equal(response.status, 400);
    assert.match((await messageOf(response)).error.message, /the toolsets are: codegen, core, fleet, sandbox/);
  });

  test('and a session keeps the selection that it was opened with', async () => {
    await using server = await startTestServer();
    await using peer = await connect(server.url, 'legacy', { headers: { 'x-mcp-readonly': 'true' } });
    const before = (await peer.client.listTools()).tools.length;
    const session = peer.transport.sessionId ?? '';
    const list = { jsonrpc: '2.0', id: 5, method: 'tools/list' };
    const answer = await messageOf(await post(server.url, list, { headers: { 'mcp-session-id': session } }));
    assert.equal(answer.result.tools.length, before);
  });
});

test('the list is the same object in the same order for every request', async () => {
  await using server = await startTestServer();
  const texts = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const { result } = await messageOf(await postModern(server.url, { method: 'tools/list' }));
      assert.deepEqual([result.ttlMs, result.cacheScope], [300_000, 'private']);
      return JSON.stringify(result.tools);
    }),
  );
  assert.equal(new Set(texts).size, 1);
});
