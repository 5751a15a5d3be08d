import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { api } from '../http/clients.ts';
import { connect, post } from '../mcp/clients.ts';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';

const ORIGIN = 'https://box.example.com';
const OURS = `${ORIGIN}/mcp`;
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const LATER_MS = 31_000;

let issuer: TestIssuer;
let server: TestServer;
const clock = { aheadMs: 0 };
beforeFirst(async () => {
  issuer = await startIssuer();
  // As MCPAuthKit is: it has no keys and no introspection, and tells of tokens by its userinfo.
  issuer.describe({ jwks_uri: undefined, introspection_endpoint: undefined });
  server = await startTestServer({
    http: { public_url: ORIGIN },
    auth: {
      required: true,
      issuer: issuer.url,
      issuers: [{ name: 'codez-mcp', resource_url: OURS, scopes: ['mcp:tools'] }],
    },
    now: () => Date.now() + clock.aheadMs,
  });
});
afterLast(async () => {
  await server[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});
afterEach(() => {
  issuer.failWith = undefined;
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const statusOf = async (token: string) => (await post(server.url, LIST, { headers: bearer(token) })).status;

describe('golden', () => {
  test('case 2: metadata at the root and at the path, and a 401 that leads there', async () => {
    for (const [path, resource] of [
      ['', ORIGIN],
      ['/mcp', OURS],
    ]) {
      const { status, body } = await api(server.url, `GET /.well-known/oauth-protected-resource${path}`);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body), [
        'resource',
        'authorization_servers',
        'scopes_supported',
        'bearer_methods_supported',
      ]);
      const { scopes_supported, ...rest } = body;
      assert.deepEqual(rest, { resource, authorization_servers: [issuer.url], bearer_methods_supported: ['header'] });
      assert.ok(Array.isArray(scopes_supported) && scopes_supported.includes('mcp:tools'));
    }
    for (const headers of [{}, bearer('mat_nobodys')]) {
      const response = await post(server.url, LIST, { headers });
      assert.equal(response.status, 401);
      const challenge = response.headers.get('www-authenticate') ?? '';
      assert.ok(challenge.startsWith(`Bearer resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/mcp"`));
      assert.equal(
        await response.text(),
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Unauthorized: Bearer token required"}}',
      );
    }
  });

  test('case 3: tools/list with a token and no initialize, also without an Accept for event streams', async () => {
    issuer.say('mat_three', { sub: 'usr_1', resource_url: OURS });
    for (const accept of ['application/json', '*/*', 'application/json, text/event-stream']) {
      const response = await post(server.url, LIST, { headers: { ...bearer('mat_three'), accept } });
      assert.equal(response.status, 200, accept);
      assert.match(await response.text(), /"list_projects"/);
    }
  });

  test('case 4: tokens of a registered server work, those for another resource_url do not', async () => {
    issuer.say('mat_ours', { sub: 'usr_1', email: 'a@example.com', name: 'A', resource_url: OURS });
    issuer.say('mat_theirs', { sub: 'usr_1', resource_url: 'https://other.example.com/mcp' });
    assert.equal(await statusOf('mat_ours'), 200);
    assert.equal(await statusOf('mat_theirs'), 401);
    const create = await api(server.url, 'POST /api/workspaces', {}, bearer('mat_ours'));
    assert.equal(create.status, 201, 'mcp:tools may write');
    const admin = await api(server.url, 'GET /api/workers', undefined, bearer('mat_ours'));
    assert.deepEqual([admin.status, admin.body.code], [403, 'INSUFFICIENT_SCOPE'], 'and is not admin');
  });
});

describe('known failures', () => {
  test('failure 6: a revoked or expired token stops working, one of another audience or without scope never does', async () => {
    issuer.say('mat_old', { sub: 'usr_1', resource_url: OURS });
    issuer.say('mat_short', {
      sub: 'usr_1',
      resource_url: OURS,
      exp: Math.floor((Date.now() + clock.aheadMs) / 1000) + 5,
    });
    assert.deepEqual([await statusOf('mat_old'), await statusOf('mat_short')], [200, 200]);
    issuer.say('mat_old', undefined);
    clock.aheadMs += LATER_MS;
    assert.deepEqual([await statusOf('mat_old'), await statusOf('mat_short')], [401, 401]);
    issuer.say('mat_other', { sub: 'usr_1', aud: 'https://other.example.com/mcp' });
    assert.equal(await statusOf('mat_other'), 401);
    issuer.say('mat_none', { sub: 'usr_1', aud: OURS, scope: 'openid' });
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_sessions', arguments: {} } };
    assert.equal((await post(server.url, call, { headers: bearer('mat_none') })).status, 403);
  });
});

const READS = [
  ...[
    'list_projects',
    'list_sessions',
    'get_session',
    'list_permissions',
    'list_agents_available',
    'get_project_memory',
  ],
  ...['search_sessions', 'poll_events', 'get_health', 'get_health_details', 'get_state', 'get_observability'],
];
const WRITES = [
  ...['create_session', 'send_prompt', 'send_and_wait', 'abort_session', 'dispose_session', 'fork_session'],
  ...['rename_session', 'respond_permission', 'update_state'],
];

test('each tool of sessions asks for the scope of the contract, which mcp:tools grants', async () => {
  const allowed = async (scope: string) => {
    const token = `mat_${scope.replace(':', '_')}`;
    issuer.say(token, { sub: 'usr_1', aud: OURS, scope });
    const names = [...READS, ...WRITES];
    const answers = names.map(async name => {
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } };
      const { status } = await post(bounded.url, call, { headers: bearer(token) });
      assert.ok(status === 200 || status === 403, `${name}: ${status}`);
      return status === 200;
    });
    const isAllowed = await Promise.all(answers);
    return names.filter((_, at) => isAllowed[at]);
  };
  await using bounded = await startTestServer({
    http: { public_url: ORIGIN },
    auth: { required: true, issuer: issuer.url },
  });
  assert.deepEqual(await allowed('sessions:read'), READS);
  for (const scope of ['sessions:write', 'mcp:tools', 'admin'])
    assert.deepEqual(await allowed(scope), [...READS, ...WRITES]);
  // What everybody may read who may read anything.
  assert.deepEqual(await allowed('sandbox:write'), ['poll_events', 'get_health']);
});

test('a client of the SDK with a token of its own lists the names', async () => {
  issuer.say('mat_client', { sub: 'usr_1', resource_url: OURS });
  for (const era of ['legacy', 'auto'] as const) {
    await using connected = await connect(server.url, era, { headers: bearer('mat_client') });
    const names = (await connected.client.listTools()).tools.map(({ name }) => name);
    for (const name of [...READS, ...WRITES]) assert.ok(names.includes(name), name);
  }
});
