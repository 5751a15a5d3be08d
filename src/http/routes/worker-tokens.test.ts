import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standInHub } from '../../../test/mcp/stand-in-hub.ts';
import { type Caller, localCaller } from '../../auth/caller.ts';
import type { TokenRequest, WorkerTokens } from '../../auth/worker-tokens.ts';
import { silentLog } from '../../log/log.ts';
import { createApi } from '../api.ts';

const view = {
  token_id: 'tok_1',
  role: 'worker',
  id: 'worker-1',
  labels: {},
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  revoked_at: null,
} as const;

function serve(caller: Caller = localCaller, isHere = true) {
  const asked: TokenRequest[] = [];
  const revoked: string[] = [];
  const hub = standInHub();
  const tokens: WorkerTokens = {
    create: async request => {
      asked.push(request);
      return { ...view, token: 'the secret' };
    },
    list: async () => [view],
    revoke: async id => {
      revoked.push(id);
      return [{ ...view, revoked_at: view.created_at }];
    },
  };
  const closing = new AbortController().signal;
  const parts = { hub, log: silentLog, operations: [], maxBodyBytes: 10_000, closing, ...(isHere && { tokens }) };
  const api = createApi(parts);
  const ask = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const request = new Request(`http://127.0.0.1${path}`, {
      method,
      ...(body && { headers, body: JSON.stringify(body) }),
    });
    const response = await api.fetch(request, { caller });
    return { status: response.status, headers: response.headers, body: Object(await response.json()) };
  };
  return { ask, asked, revoked, hub };
}

test('a token is made with what was asked for, told once, and kept by nothing on the way', async () => {
  const { ask, asked } = serve();
  const wanted = { id: 'worker-1', labels: { zone: 'a' }, servers: ['nats://n:4222'], expires_seconds: 60 };
  const { status, headers, body } = await ask('POST', '/api/workers/tokens', wanted);
  assert.deepEqual([status, headers.get('cache-control')], [201, 'no-store']);
  assert.deepEqual(body, { ...view, token: 'the secret' });
  const { labels, servers } = wanted;
  assert.deepEqual(asked, [{ role: 'worker', id: 'worker-1', labels, servers, expiresSeconds: 60 }]);
});

test('tokens are listed and revoked by id, and "tokens" is taken for no worker', async () => {
  const { ask, revoked } = serve();
  assert.deepEqual((await ask('GET', '/api/workers/tokens')).body, { tokens: [view] });
  const { status, body } = await ask('DELETE', '/api/workers/tokens/tok_1');
  assert.deepEqual([status, body.revoked[0].token_id, revoked], [200, 'tok_1', ['tok_1']]);
});

test('only who may administer makes, sees or revokes tokens', async () => {
  const { ask, asked, revoked } = serve({ id: 'alice', scopes: new Set(['sandbox:write']), teams: new Set<string>() });
  for (const [method, path] of [
    ['POST', '/api/workers/tokens'],
    ['GET', '/api/workers/tokens'],
    ['DELETE', '/api/workers/tokens/tok_1'],
  ] as const) {
    const { status, body } = await ask(method, path);
    assert.deepEqual([status, body.code], [403, 'INSUFFICIENT_SCOPE'], path);
  }
  assert.deepEqual([asked, revoked], [[], []]);
});

test('what is asked for wrongly is refused, and what cannot be had here said so', async () => {
  const { ask, asked } = serve();
  for (const body of [{ role: 'king' }, { expires_seconds: 0 }, { hub: 'ftp://h' }, { servers: [] }, { colour: 'red' }])
    assert.equal((await ask('POST', '/api/workers/tokens', body)).status, 400, JSON.stringify(body));
  assert.deepEqual(asked, []);
  const { status, body } = await serve(localCaller, false).ask('POST', '/api/workers/tokens', {});
  assert.deepEqual([status, body.code], [422, 'CAPABILITY_UNSUPPORTED']);
});
