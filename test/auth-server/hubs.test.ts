import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createUsers } from '../../src/auth/server/users.ts';
import { AuditTrail } from '../../src/hub/audit.ts';
import { silentLog } from '../../src/log/log.ts';
import { createPostgresStore } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';
import { Visitor } from './visitor.ts';

const REDIRECT = 'http://127.0.0.1:9/callback';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

/** Two hubs of one store, under the address of the first. */
let postgres: PostgresServer;
const stores: Store[] = [];
const hubs: Stage[] = [];
beforeFirst(async () => {
  postgres = await startPostgres();
  const url = await postgres.createDatabase();
  for (let at = 0; at < 2; at++) {
    const store = await createPostgresStore({ url });
    stores.push(store);
    if (at === 0)
      await createUsers(store, { audit: new AuditTrail(store.audit, silentLog) }).add({
        name: 'ada',
        password: PASSWORD,
      });
    hubs.push(await startStage({ store, publicUrl: hubs[0]?.url }));
  }
});
afterLast(async () => {
  for (const hub of hubs) await hub[Symbol.asyncDispose]();
  for (const store of stores) await store.close();
  await postgres.close();
});

const tokensSchema = z.looseObject({ access_token: z.string(), refresh_token: z.string() });
const [first, second] = [() => hubs[0] ?? assert.fail('no hub'), () => hubs[1] ?? assert.fail('no hub')];

async function post(hub: Stage, path: string, body: URLSearchParams | string): Promise<Record<string, unknown>> {
  const headers = {
    'content-type': typeof body === 'string' ? 'application/json' : 'application/x-www-form-urlencoded',
  };
  const response = await fetch(`${hub.url}/oauth/${path}`, { method: 'POST', body, headers });
  return z.looseObject({}).parse(await response.json());
}
const call = async (hub: Stage, token: string) =>
  (await fetch(`${hub.url}/api/workspaces`, { headers: { authorization: `Bearer ${token}` } })).status;

/** Signs in, each request at the other hub. */
async function signIn() {
  const metadata = { redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' };
  const client_id = String((await post(second(), 'register', JSON.stringify(metadata))).client_id);
  let requests = 0;
  const via = ({ pathname, search }: URL) => new URL(pathname + search, hubs[requests++ % 2]?.url);
  const visitor = new Visitor({ via });
  const query = { client_id, redirect_uri: REDIRECT, response_type: 'code', scope: 'sandbox:read' };
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' };
  const start = new URL(`/oauth/authorize?${new URLSearchParams({ ...query, ...pkce })}`, first().url);
  const form = await visitor.go(start);
  const consent = await visitor.press(form, 'login', { name: 'ada', password: PASSWORD });
  const code = (await visitor.press(consent, 'consent')).url.searchParams.get('code') ?? '';
  const grant = { grant_type: 'authorization_code', code, client_id, redirect_uri: REDIRECT, code_verifier: VERIFIER };
  const tokens = tokensSchema.parse(await post(second(), 'token', new URLSearchParams(grant)));
  const refresh = (hub: Stage, refresh_token: string) =>
    post(hub, 'token', new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id }));
  return { ...tokens, refresh };
}

test('a sign-in goes on at whichever hub it comes to, and its tokens are good at both', async () => {
  const { access_token, refresh_token, refresh } = await signIn();
  for (const hub of hubs) assert.equal(await call(hub, access_token), 200);
  const next = tokensSchema.parse(await refresh(first(), refresh_token));
  assert.equal((await refresh(second(), refresh_token)).error, 'invalid_grant');
  // The second hub has never seen the token, and knows all the same that it is void.
  assert.equal(await call(second(), next.access_token), 401);
  assert.equal((await refresh(first(), next.refresh_token)).error, 'invalid_grant');
});

test('of two that show one refresh token at the same time at most one gets anything, and nobody keeps it', async () => {
  const { refresh_token, refresh } = await signIn();
  const both = await Promise.all(hubs.map(hub => refresh(hub, refresh_token)));
  const winners = both.filter(answer => 'access_token' in answer);
  assert.ok(winners.length <= 1, JSON.stringify(both));
  for (const winner of winners) {
    const { access_token, refresh_token: next } = tokensSchema.parse(winner);
    assert.equal(await call(second(), access_token), 401);
    assert.equal((await refresh(first(), next)).error, 'invalid_grant');
  }
});
