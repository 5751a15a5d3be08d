import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, test } from 'node:test';
import { post, postModern } from '../mcp/clients.ts';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { type Answer, api } from '../http/clients.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';

const PUBLIC = 'https://box.example.com';
const OURS = `${PUBLIC}/mcp`;
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const UNAUTHORIZED = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32001, message: 'Unauthorized: Bearer token required' },
};

let issuer: TestIssuer;
let server: TestServer;
beforeFirst(async () => {
  issuer = await startIssuer();
  server = await startTestServer({
    http: { public_url: PUBLIC, allowed_origins: ['https://app.example.com'] },
    auth: { issuer: issuer.url, required: true },
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
const withScope = async (scope: string) => bearer(await issuer.sign(OURS, { claims: { scope } }));
const call = (name: string, args: object = {}) => ({
  ...{ jsonrpc: '2.0', id: 7, method: 'tools/call' },
  params: { name, arguments: args },
});

/** Sends headers as they are, also those that fetch would not. */
function raw(path: string, headers: Record<string, string | string[]>): Promise<Answer['status']> {
  const { hostname, port, host } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, headers: { host, ...headers } }, response => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end();
  });
}

describe('discovery', () => {
  const scopes_supported = [
    ...['sandbox', 'sessions', 'fleet', 'codegen'].flatMap(name => [`${name}:read`, `${name}:write`]),
    'mcp:tools',
  ];
  const places = [
    ['', PUBLIC],
    ['/mcp', OURS],
  ] as const;
  for (const [path, resource] of places) {
    test(`tells at /.well-known/oauth-protected-resource${path} where tokens come from`, async () => {
      const { status, headers, body } = await api(server.url, `GET /.well-known/oauth-protected-resource${path}`);
      assert.equal(status, 200);
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(headers.get('cache-control'), 'public, max-age=3600');
      assert.deepEqual(body, {
        resource,
        authorization_servers: [issuer.url],
        scopes_supported,
        bearer_methods_supported: ['header'],
      });
    });
  }

  for (const [what, headers] of Object.entries({ 'no token': {}, 'a bad token': bearer('nonsense') })) {
    test(`begins with the 401 that ${what} gets`, async () => {
      for (const path of ['/mcp', '/mcp/x/sandbox']) {
        const response = await fetch(new URL(path, server.url), {
          headers,
          method: 'POST',
          body: JSON.stringify(LIST),
        });
        assert.equal(response.status, 401);
        const golden = `Bearer resource_metadata="${PUBLIC}/.well-known/oauth-protected-resource/mcp"`;
        const error = what === 'no token' ? '' : ', error="invalid_token"';
        assert.equal(response.headers.get('www-authenticate'), `${golden}${error}`);
        assert.deepEqual(await response.json(), UNAUTHORIZED);
      }
    });
  }

  test('names the whole server where another route was asked for', async () => {
    const { status, headers, body } = await api(server.url, 'GET /api/workspaces');
    assert.deepEqual([status, body.code], [401, 'UNAUTHORIZED']);
    const golden = `Bearer resource_metadata="${PUBLIC}/.well-known/oauth-protected-resource"`;
    assert.equal(headers.get('www-authenticate'), golden);
  });

  test('is readable for pages of allowed origins, and for no others', async () => {
    const origin = 'https://app.example.com';
    for (const target of ['GET /.well-known/oauth-protected-resource/mcp', 'POST /mcp']) {
      const { headers } = await api(server.url, target, undefined, { origin });
      assert.equal(headers.get('access-control-allow-origin'), origin, target);
      assert.match(headers.get('access-control-expose-headers') ?? '', /www-authenticate/);
      const foreign = await api(server.url, target, undefined, { origin: 'https://evil.example' });
      assert.deepEqual([foreign.status, foreign.headers.get('access-control-allow-origin')], [403, null]);
    }
    const preflight = await fetch(new URL('/mcp', server.url), { method: 'OPTIONS', headers: { origin } });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/);
  });

  test('has nothing to tell where no authorization server is known', async () => {
    await using alone = await startTestServer({ auth: { required: true } });
    assert.equal((await api(alone.url, 'GET /.well-known/oauth-protected-resource')).status, 401);
    const response = await post(alone.url, LIST);
    assert.deepEqual([response.status, response.headers.get('www-authenticate')], [401, 'Bearer realm="boxswain"']);
    await using open = await startTestServer();
    assert.equal((await api(open.url, 'GET /.well-known/oauth-protected-resource')).status, 404);
  });

  test('names the address that was asked, where no other is configured, and is not kept then', async () => {
    await using local = await startTestServer({ auth: { issuer: issuer.url } });
    const { headers, body } = await api(local.url, 'GET /.well-known/oauth-protected-resource/mcp');
    assert.deepEqual([body.resource, headers.get('cache-control')], [`${local.url}/mcp`, 'no-store']);
    const token = await issuer.sign(`${local.url}/mcp`);
    assert.equal((await post(local.url, LIST, { headers: bearer(token) })).status, 200);
    const foreign = await issuer.sign(OURS);
    assert.equal((await post(local.url, LIST, { headers: bearer(foreign) })).status, 401);
  });
});

describe('a token', () => {
  test('lets its caller list the tools without initialize, and without asking for event streams', async () => {
    const headers = { ...bearer(await issuer.sign(OURS)), accept: 'application/json' };
    const response = await post(server.url, LIST, { headers });
    assert.equal(response.status, 200);
    assert.match(await response.text(), /"workspace_create"/);
  });

  test('is checked also where none would be needed', async () => {
    await using local = await startTestServer({ auth: { issuer: issuer.url } });
    assert.equal((await post(local.url, LIST)).status, 200);
    for (const authorization of ['Bearer nonsense', 'Bearer', 'Basic YTpi', `Bearer ${await issuer.sign(OURS)}x`])
      assert.equal((await post(local.url, LIST, { headers: { authorization } })).status, 401, authorization);
  });

  test('may be shown once only', async () => {
    const { authorization } = bearer(await issuer.sign(OURS));
    assert.equal(await raw('/healthz', { authorization }), 200);
    assert.equal(await raw('/healthz', { authorization: [authorization, authorization] }), 401);
  });

  test('in the address is refused, whatever the header says', async () => {
    const token = await issuer.sign(OURS);
    for (const name of ['access_token', 'token']) {
      const { status, body } = await api(server.url, `GET /healthz?${name}=${token}`, undefined, bearer(token));
      assert.deepEqual([status, body.code], [400, 'VALIDATION_ERROR']);
      assert.match(String(body.hint), /Authorization: Bearer/);
    }
  });

  test('does not make up for a foreign Host or Origin', async () => {
    const headers = bearer(await issuer.sign(OURS));
    assert.equal(await raw('/healthz', { ...headers, host: 'evil.example' }), 403);
    assert.equal(await raw('/healthz', { ...headers, origin: 'https://evil.example' }), 403);
  });

  test('is enough for a request that came through a proxy', async () => {
    const headers = { ...bearer(await issuer.sign(OURS)), host: 'box.example.com', 'x-forwarded-for': '192.0.2.1' };
    assert.equal(await raw('/healthz', headers), 200);
    assert.equal(await raw('/healthz', { host: 'box.example.com', 'x-forwarded-for': '192.0.2.1' }), 401);
  });

  test('that cannot be checked now is answered with 503, to be tried again', async () => {
    const token = await issuer.sign(OURS);
    await using local = await startTestServer({ http: { public_url: PUBLIC }, auth: { issuer: issuer.url } });
    issuer.failWith = 502;
    const response = await post(local.url, LIST, { headers: bearer(token) });
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5']);
    assert.match(await response.text(), /"SERVICE_UNAVAILABLE"/);
    issuer.failWith = undefined;
    assert.equal((await post(local.url, LIST, { headers: bearer(token) })).status, 200);
  });
});

describe('a call beyond the scopes of its token', () => {
  const challenge = (scope: string, path = '/mcp') =>
    `Bearer resource_metadata="${PUBLIC}/.well-known/oauth-protected-resource${path}", error="insufficient_scope", scope="${scope}"`;

  test('is answered with 403 and all that the next token needs, in both eras', async () => {
    const headers = await withScope('sandbox:read fleet:read');
    const legacy = await post(server.url, call('run_python', { code: '1' }), { headers });
    const modern = await postModern(
      server.url,
      { method: 'tools/call', params: call('run_python').params },
      { headers },
    );
    for (const response of [legacy, modern]) {
      assert.equal(response.status, 403);
      assert.equal(response.headers.get('www-authenticate'), challenge('fleet:read sandbox:write'));
      assert.match(await response.text(), /"INSUFFICIENT_SCOPE"/);
    }
  });

  test('is found in every entry of a batch', async () => {
    const headers = await withScope('sessions:read');
    const batch = [call('list_sessions'), call('fs.read', { path: 'a' }), call('workspace_create')];
    const response = await post(server.url, batch, { headers });
    assert.equal(response.status, 403);
    assert.equal(response.headers.get('www-authenticate'), challenge('sessions:read sandbox:write'));
  });

  test('is refused by /api too', async () => {
    const headers = await withScope('sandbox:read');
    const { status, headers: answered, body } = await api(server.url, 'POST /api/workspaces', {}, headers);
    assert.deepEqual([status, body.code], [403, 'INSUFFICIENT_SCOPE']);
    assert.equal(answered.get('www-authenticate'), challenge('sandbox:write', ''));
  });

  test('is let pass once the token has them', async () => {
    const headers = await withScope('sandbox:write');
    assert.equal((await post(server.url, call('workspace_list'), { headers })).status, 200);
    assert.equal((await api(server.url, 'POST /api/workspaces', {}, headers)).status, 201);
  });
});

test('handles of one caller are unknown to another of the same issuer', async () => {
  const alice = await withScope('sandbox:write');
  const bob = bearer(await issuer.sign(OURS, { claims: { sub: 'bob' } }));
  const made = await api(server.url, 'POST /api/workspaces', {}, alice);
  const path = `GET /api/workspaces/${made.body.workspace_id}`;
  assert.equal((await api(server.url, path, undefined, alice)).status, 200);
  assert.equal((await api(server.url, path, undefined, bob)).status, 404);
});
