import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { connectWire, type Peer, type WireName } from '../support/wires.ts';
import { messageOf, post, postModern } from '../mcp/clients.ts';
import { readEvents } from '../support/read-events.ts';
import { operate } from '../support/operations-api.ts';

type Json = Record<string, unknown>;

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'two hubs', version: '1' } },
};

describe('two hubs that serve one client in turn', () => {
  let cluster: Cluster;
  const hub = (index: number): string => cluster.hubs[index]?.url ?? assert.fail('no such hub');
  before(async () => {
    cluster = await startCluster({ hubs: 2, workers: 2 });
  });
  after(() => cluster.close());

  const open = async (url: string, headers: Record<string, string> = {}): Promise<string> => {
    const response = await post(url, initialize, { headers });
    await response.text();
    return response.headers.get('mcp-session-id') ?? assert.fail('no session');
  };
  const inSession = (session: string) => ({ headers: { 'mcp-session-id': session } });
  const toolCall = (id: number, name: string, args: Json = {}) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args },
  });

  for (const wire of ['http, legacy', 'http, modern'] satisfies WireName[]) {
    test(`a client works as with one (${wire})`, async () => {
      const peer = await connectWire(wire, { url: cluster.alternatingUrl });
      await work(peer);
      await peer.close();
    });
  }

  /** Each call depends on the one before, which the other hub has served. */
  async function work(peer: Peer): Promise<void> {
    const { workspace_id } = await peer.ok('workspace_create', { name: 'both', metadata: { a: '1' } });
    assert.equal((await peer.ok('workspace_get', { workspace_id })).name, 'both');
    await peer.ok('fs_write', { workspace_id, path: 'a.py', content: 'print(6 * 7)\n' });
    assert.equal((await peer.ok('run_python', { workspace_id, file: 'a.py' })).stdout, '42\n');
    await peer.ok('run_python', { workspace_id, context: 'c', code: 'x = 1' });
    assert.equal((await peer.ok('run_python', { workspace_id, context: 'c', code: 'x + 1' })).result, '2');
    const { recent_tasks } = await peer.ok('workspace_get', { workspace_id });
    assert.ok(Array.isArray(recent_tasks));
    assert.deepEqual(
      recent_tasks.map(task => task.sequence),
      [4, 3, 2],
      'the runs that the other hub has just answered are listed',
    );
    const { task_id } = await peer.ok('run_command', { workspace_id, command: 'sleep 0.5; echo x', wait_seconds: 0 });
    const { done, result } = await peer.ok('task_get_result', { task_id, wait_seconds: 30 });
    assert.deepEqual([done, Object(result).stdout], [true, 'x\n']);
    const long = await peer.ok('run_command', { workspace_id, command: 'sleep 60', wait_seconds: 0 });
    assert.equal((await peer.ok('task_cancel', { task_id: long.task_id })).cancelled, true);
    assert.equal((await peer.ok('task_get_status', { task_id: long.task_id })).status, 'cancelled');
    const created = { workspace_id, command: 'echo once >> log; cat log', idempotency_key: `k ${peer.wire}` };
    const first = await peer.ok('run_command', created);
    assert.deepEqual([first.stdout, await peer.ok('run_command', created)], ['once\n', first]);
    await peer.ok('fs_write', { workspace_id, path: 'artifacts/kept.txt', content: 'kept' });
    assert.equal((await peer.ok('artifact_get', { workspace_id, artifact_id: 'kept.txt' })).data, 'kept');
    const { checkpoint_id } = await peer.ok('workspace_checkpoint', { workspace_id });
    const restored = await peer.ok('workspace_restore', { checkpoint_id });
    const { content } = await peer.ok('fs_read', { workspace_id: restored.workspace_id, path: 'a.py' });
    assert.equal(content, 'print(6 * 7)\n');
    for (const id of [workspace_id, restored.workspace_id]) await peer.ok('workspace_delete', { workspace_id: id });
    assert.equal((await peer.fails('fs_read', { workspace_id, path: 'a.py' })).code, 'WORKSPACE_NOT_FOUND');
  }

  test('a session of the legacy era keeps its default workspace, whichever hub is asked', async () => {
    const session = await open(hub(0));
    const asked = async (at: number, id: number, name: string, args: Json) => {
      const answer = await messageOf(await post(hub(at), toolCall(id, name, args), inSession(session)));
      return Object(answer.result.structuredContent);
    };
    const written = await asked(1, 2, 'fs_write', { path: 'a', content: 'x' });
    const read = await asked(0, 3, 'fs_read', { path: 'a' });
    assert.deepEqual([read.content, read.workspace_id], ['x', written.workspace_id]);
    const ended = await fetch(`${hub(0)}/mcp`, { ...inSession(session), method: 'DELETE' });
    assert.equal(ended.status, 200);
    const later = await post(hub(1), toolCall(4, 'echo', { message: 'x' }), inSession(session));
    assert.equal(later.status, 404, 'a session that ended at one hub has ended at the other');
    const gone = await operate(hub(1), 'workspace_get', { workspace_id: written.workspace_id });
    assert.equal(gone.code, 'WORKSPACE_NOT_FOUND');
  });

  test('a session lists what it was opened for, whichever hub is asked', async () => {
    const session = await open(hub(0), { 'x-mcp-readonly': 'true' });
    const names = async (at: number) => {
      const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
      const { result } = await messageOf(await post(hub(at), list, inSession(session)));
      return result.tools.map((tool: { name: string }) => tool.name);
    };
    const here = await names(0);
    assert.ok(here.includes('fs_read') && !here.includes('fs_write'));
    assert.deepEqual(await names(1), here);
  });

  const running = async (workspace_id: unknown, token: string) =>
    eventually(async () => {
      const { content } = await operate(hub(0), 'fs_read', { workspace_id, path: 'begun' });
      return String(content).includes(token);
    });

  test('a call at one hub is cancelled by a notification that comes to the other', async () => {
    const { workspace_id } = await operate(hub(0), 'workspace_create', {});
    const session = await open(hub(1));
    for (const [token, options] of [
      ['in a session', inSession(session)],
      ['without a session', {}],
    ] as const) {
      const command = `echo '${token}' > begun; sleep 120`;
      const call = post(hub(0), toolCall(7, 'run_command', { workspace_id, command, wait_seconds: 100 }), options);
      await running(workspace_id, token);
      const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
      assert.equal((await post(hub(1), cancel, options)).status, 202);
      await eventually(async () => {
        const { tasks } = await operate(hub(1), 'task_list', { workspace_id, limit: 1 });
        return Array.isArray(tasks) && tasks[0]?.status === 'cancelled';
      }, 20_000);
      await (await call).body?.cancel();
      await operate(hub(1), 'fs_write', { workspace_id, path: 'begun', content: '' });
    }
    await operate(hub(0), 'workspace_delete', { workspace_id });
  });

  test('two calls of one id at two hubs are both left alone: whose is meant cannot be known', async () => {
    const { workspace_id } = await operate(hub(0), 'workspace_create', {});
    const second = (await operate(hub(0), 'workspace_create', {})).workspace_id;
    const calls = [workspace_id, second].map(async (id, at) => {
      const args = { workspace_id: id, command: 'echo here > begun; sleep 2; echo done' };
      return Object((await messageOf(await post(hub(at), toolCall(8, 'run_command', args)))).result.structuredContent);
    });
    for (const id of [workspace_id, second]) await running(id, 'here');
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 8 } };
    for (const at of [0, 1]) await post(hub(at), cancel);
    for (const run of await Promise.all(calls)) assert.equal(run.stdout, 'done\n');
    for (const id of [workspace_id, second]) await operate(hub(0), 'workspace_delete', { workspace_id: id });
  });

  test('a task of the Tasks extension is told of, and cancelled, by the other hub', async () => {
    const extensions = { 'io.modelcontextprotocol/tasks': {} };
    const params = { name: 'run_command', arguments: { command: 'sleep 60' } };
    const created = await messageOf(await postModern(hub(0), { method: 'tools/call', params, extensions }));
    const { taskId } = created.result;
    const get = { method: 'tasks/get', params: { taskId }, extensions };
    assert.equal((await messageOf(await postModern(hub(1), get))).result.status, 'working');
    await messageOf(await postModern(hub(1), { ...get, method: 'tasks/cancel' }));
    assert.equal((await messageOf(await postModern(hub(0), get))).result.status, 'cancelled');
  });

  test('an upload that one hub announced is sent to the other', async () => {
    const { workspace_id } = await operate(hub(0), 'workspace_create', {});
    const headers = { 'content-type': 'application/json' };
    const announced = await fetch(`${hub(0)}/api/artifacts`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ workspace_id, name: 'a.txt', size_bytes: 3 }),
    });
    const { upload_url, artifact_id } = Object(await announced.json());
    const send = (at: number) => fetch(new URL(upload_url, hub(at)), { method: 'PUT', body: 'abc' });
    assert.equal((await send(1)).status, 201);
    assert.equal((await send(0)).status, 404, 'it is good for one upload');
    assert.equal(await (await fetch(`${hub(0)}/api/artifacts/${artifact_id}/content`)).text(), 'abc');
    await operate(hub(0), 'workspace_delete', { workspace_id });
  });

  test('a stream of events that moves to the other hub goes on from its cursor', async () => {
    const { workspace_id } = await operate(hub(0), 'workspace_create', {});
    const command = 'for i in $(seq 1 12); do echo line $i; sleep 0.25; done';
    const { task_id } = await operate(hub(0), 'run_command', { workspace_id, command, wait_seconds: 0 });
    const path = `/api/tasks/${task_id}/events`;
    const seen: { id: string; data: string }[] = [];
    // From hub to hub with every event, until the end is told.
    for (let at = 0; !seen.at(-1)?.data.includes('"task.ended"'); at = 1 - at) {
      const after = seen.at(-1)?.id ?? '0';
      seen.push(...(await readEvents(`${hub(at)}${path}`, 1, { 'last-event-id': after })));
    }
    assert.deepEqual(
      seen.map(({ id }) => Number(id)),
      seen.map((_, at) => at + 1),
      'none is missing, none comes twice',
    );
    assert.deepEqual(seen, await readEvents(`${hub(0)}${path}`, seen.length));
    const output = seen.map(({ data }) => Object(JSON.parse(data)).body?.text ?? '').join('');
    assert.match(output, /line 1\n[\s\S]*line 12\n/);
    await operate(hub(0), 'workspace_delete', { workspace_id });
  });

  test('a stream whose connection breaks goes on from its cursor behind the balancer', async () => {
    const { workspace_id } = await operate(hub(0), 'workspace_create', {});
    for (let i = 0; i < 30; i++)
      await operate(hub(i % 2), 'run_command', { workspace_id, command: 'true', wait_seconds: 0 });
    await using proxy = await startDisposableProxy(Number(new URL(cluster.alternatingUrl).port));
    const url = `http://127.0.0.1:${proxy.port}/api/workspaces/${workspace_id}/events`;
    const headers = { host: new URL(cluster.alternatingUrl).host };
    const seen: { id: string }[] = [];
    proxy.cutAfter({ down: 4_000 });
    while (seen.length < 60) {
      const after = { ...headers, 'last-event-id': seen.at(-1)?.id ?? '0' };
      seen.push(...(await readEvents(url, 60 - seen.length, after)));
    }
    assert.ok(proxy.cuts() > 1, 'the stream was broken');
    assert.deepEqual(
      seen.map(({ id }) => Number(id)),
      seen.map((_, at) => at + 1),
    );
    await operate(hub(0), 'workspace_delete', { workspace_id });
  });
});

async function startDisposableProxy(port: number) {
  const proxy = await startCuttingProxy(port);
  return { ...proxy, [Symbol.asyncDispose]: () => proxy.close() };
}
