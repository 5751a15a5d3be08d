import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Caller } from '../../src/auth/caller.ts';
import { configSchema } from '../../src/config/config.ts';
import { type RunningHttp, startHttp } from '../../src/http/server.ts';
import { silentLog } from '../../src/log/log.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { callerOf, type Json, openStage, type Stage } from './stage.ts';

const ada = callerOf('user:ada');
const eve = callerOf('user:eve');

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** The stage over HTTP, all operations and commands. */
const serve = ({ hub }: Stage, more: object = {}): Promise<RunningHttp> =>
  startHttp({
    hub,
    operations: allOperations,
    commands: allOperations.filter(({ toolset }) => toolset === 'codegen'),
    config: configSchema.parse({ directory: '/unused', http: { port: 0 }, ...more }),
    log: silentLog,
    version: '0.0.0',
  });

describe('two callers with tokens of their own over HTTP', () => {
  let stage: Stage;
  let http: RunningHttp;
  const tokens = new Map<string, string>();

  const ask = async (
    caller: Caller,
    target: string,
    body?: Json,
    headers: Record<string, string> = {},
  ): Promise<Reply> => {
    const [method = 'GET', path = '/'] = target.split(' ');
    const response = await fetch(`${http.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens.get(caller.id)}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
  const mcp = async (caller: Caller, method: string, params: Json = {}, headers: Record<string, string> = {}) => {
    const message = { jsonrpc: '2.0', id: 1, method, params };
    const accept = 'application/json, text/event-stream';
    const sent = await fetch(`${http.url}/mcp`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${tokens.get(caller.id)}`, 'content-type': 'application/json', accept },
        ...{ 'mcp-protocol-version': '2025-06-18', ...headers },
      },
      body: JSON.stringify(message),
    });
    const text = await sent.text();
    const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
    return { status: sent.status, answer: Object(JSON.parse(data)) };
  };
  const toolsOf = async (caller: Caller, headers: Record<string, string> = {}): Promise<string[]> => {
    const { answer } = await mcp(caller, 'tools/list', {}, headers);
    return answer.result.tools.map(({ name }: { name: string }) => name);
  };

  before(async () => {
    stage = await openStage();
    http = await serve(stage);
    for (const [caller, scopes] of [
      [ada, ['mcp:tools']],
      [eve, ['sandbox:read', 'sandbox:write']],
    ] as const) {
      const made = await stage.made(caller, 'api_token_create', { name: 'test', scopes: [...scopes] });
      tokens.set(caller.id, String(made.token));
    }
  });
  after(async () => {
    await http.close();
    await stage.close();
  });

  test('each finds its own, and nothing of the other under any route', async () => {
    const made = await ask(ada, 'POST /api/workspaces', { name: 'hers' });
    assert.equal(made.status, 201);
    const id = String(made.body.workspace_id);
    const announced = await ask(ada, 'POST /api/artifacts', { workspace_id: id, name: 'a.txt' });
    assert.equal((await ask(ada, `GET /api/workspaces/${id}`)).status, 200);
    for (const target of [
      `GET /api/workspaces/${id}`,
      `GET /api/workspaces/${id}/events`,
      `DELETE /api/workspaces/${id}`,
      `PUT ${announced.body.upload_url}`,
      `GET /api/events?stream=workspace:${id}`,
    ]) {
      const body = target.startsWith('PUT') ? {} : undefined;
      const other = target.replaceAll(/(ws|up)_\w{24}/g, `$1_${'0'.repeat(24)}`);
      const [foreign, never] = [await ask(eve, target, body), await ask(eve, other, body)];
      assert.ok(foreign.status >= 400, target);
      assert.equal(foreign.status, never.status, target);
      const plain = ({ body }: Reply) => JSON.stringify(body).replaceAll(/(ws|up)_\w{24}/g, '');
      assert.equal(plain(foreign), plain(never), target);
    }
    const patched = await ask(eve, `PATCH /api/workspaces/${id}`, { metadata: { a: 'b' } });
    assert.equal(patched.status, 404);
    assert.equal((await ask(ada, 'GET /api/workspaces')).body.total, 1);
    assert.equal((await ask(eve, 'GET /api/workspaces')).body.total, 0);
  });

  test('a share is made, used and revoked over its routes, and a stream that follows it ends', async () => {
    const { body } = await ask(ada, 'POST /api/workspaces', { name: 'shared' });
    const id = String(body.workspace_id);
    const shared = await ask(ada, 'POST /api/shares', { kind: 'workspace', id, with: eve.id });
    assert.equal(shared.status, 201);
    assert.equal((await ask(eve, `GET /api/workspaces/${id}`)).body.shared_by, ada.id);
    const authorization = `Bearer ${tokens.get(eve.id)}`;
    const stream = await fetch(`${http.url}/api/workspaces/${id}/events`, { headers: { authorization } });
    assert.equal(stream.status, 200);
    const told = stream.text();
    assert.equal((await ask(ada, `DELETE /api/shares/${shared.body.share_id}`)).status, 200);
    await ask(ada, 'POST /api/operations/workspace_checkpoint', { workspace_id: id });
    assert.ok(!(await told).includes('checkpoint.created'));
    assert.equal((await ask(eve, `GET /api/workspaces/${id}`)).status, 404);
  });

  test('tools are listed for which the caller has the scopes; the others are still known', async () => {
    const [all, some] = [await toolsOf(ada), await toolsOf(eve)];
    assert.ok(all.includes('create_session') && all.includes('run_python'));
    assert.ok(some.includes('run_python') && some.includes('task_list'));
    assert.ok(!some.includes('create_session') && !some.includes('list_all_agents'));
    const { status } = await mcp(eve, 'tools/call', { name: 'create_session', arguments: {} });
    assert.equal(status, 403);
  });

  test('X-MCP-Readonly lists and lets through only what changes nothing, on every surface', async () => {
    const readOnly = { 'x-mcp-readonly': 'true' };
    const listed = await toolsOf(ada, readOnly);
    const changing = allOperations.filter(({ hints }) => !hints.readOnly).map(({ name }) => name);
    assert.ok(listed.includes('fs_read') && !listed.some(name => changing.includes(name)));
    const { answer } = await mcp(ada, 'tools/call', { name: 'workspace_create', arguments: {} }, readOnly);
    assert.ok(answer.error !== undefined);
    for (const [target, body] of [
      ['POST /api/operations/workspace_create', {}],
      ['POST /api/workspaces', {}],
      ['POST /api/shares', { kind: 'workspace', id: 'x', with: 'y' }],
      ['PATCH /api/workspaces/ws_x', { metadata: {} }],
      ['POST /api/artifacts', { name: 'a' }],
      ['POST /mcp', { command: 'new', args: { query: 'x' } }],
    ] as const) {
      const reply = await ask(ada, target, body, readOnly);
      assert.equal(reply.status, 403, target);
      assert.match(JSON.stringify(reply.body), /read-only/, target);
    }
    assert.equal((await ask(ada, 'GET /api/workspaces', undefined, readOnly)).status, 200);
  });

  test('a server that is read-only is so for everybody and everything', async () => {
    const served = await serve(stage, { read_only: true });
    try {
      const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
      assert.equal((await fetch(`${served.url}/api/operations/workspace_create`, options)).status, 403);
      assert.equal((await fetch(`${served.url}/api/workspaces`)).status, 200);
    } finally {
      await served.close();
    }
  });
});

test('limits are answered with 429, when to come back, and what to do', async () => {
  const stage = await openStage({ workspaces: 1, calls_per_minute: 5 });
  const served = await serve(stage);
  try {
    const made = await stage.made(ada, 'api_token_create', { name: 'test', scopes: ['mcp:tools'] });
    const ask = () =>
      fetch(`${served.url}/api/workspaces`, {
        method: 'POST',
        headers: { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' },
        body: '{}',
      });
    assert.equal((await ask()).status, 201);
    const over = await ask();
    assert.deepEqual([over.status, Object(await over.json()).code], [429, 'CAPACITY_EXCEEDED']);
    const replies = [await ask(), await ask(), await ask()];
    const limited = replies.at(-1) ?? assert.fail();
    const { code, hint } = Object(await limited.json());
    assert.deepEqual([limited.status, code], [429, 'RATE_LIMITED']);
    assert.ok(Number(limited.headers.get('retry-after')) > 0);
    assert.match(hint, /wait/);
    for (let at = 0; at < 20; at += 1) assert.equal((await fetch(`${served.url}/api/workspaces`)).status, 200);
  } finally {
    await served.close();
    await stage.close();
  }
});
