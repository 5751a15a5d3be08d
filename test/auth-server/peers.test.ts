import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { localCaller } from '../../src/auth/caller.ts';
import { openAuthServer } from '../../src/auth/server/auth-server.ts';
import { createUsers } from '../../src/auth/server/users.ts';
import { authSchema } from '../../src/config/auth.ts';
import { authServerSchema } from '../../src/config/auth-server.ts';
import { configSchema } from '../../src/config/config.ts';
import { type RunningHttp, startHttp } from '../../src/http/server.ts';
import type { Hub } from '../../src/hub/hub.ts';
import { silentLog } from '../../src/log/log.ts';
import { allOperations } from '../../src/operations/registry.ts';
import { eventually } from '../support/eventually.ts';
import { type Bench, openBench } from '../support/hub-under-test.ts';
import { CodeFlow } from './code-flow.ts';
import { freePort, PASSWORD } from './stage.ts';

/** Two hubs that stand on the same records, for whose verdicts time stands still: none is forgotten by itself. */
let bench: Bench;
let url: string;
const hubs: { hub: Hub; http: RunningHttp }[] = [];
before(async () => {
  bench = await openBench();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const startedAt = Date.now();
  for (const own of [port, 0]) {
    const hub = await bench.hub();
    const { store } = bench;
    if (own === port) await createUsers(store, hub).add({ name: 'ada', password: PASSWORD });
    const config = authServerSchema.parse({ enabled: true });
    const now = () => startedAt;
    const authServer = await openAuthServer({ config, publicUrl: url, store, log: silentLog, audit: hub.audit, now });
    const { http } = configSchema.parse({ directory: '/nowhere', http: { port: own, public_url: url } });
    const auth = authSchema.parse({ required: true });
    const served = { hub, operations: allOperations, config: { http, auth }, log: silentLog, version: '0' };
    hubs.push({ hub, http: await startHttp({ ...served, authServer, now }) });
  }
});
after(async () => {
  for (const { http } of hubs) await http.close({ graceMs: 0 });
  await bench.close();
});

const statusAt = async (at: number, token: string) => {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${hubs[at]?.http.url}/api/workspaces`, { headers })).status;
};

test('an API token that is revoked at one hub is refused at the other, which had just let it in', async () => {
  const [first] = hubs;
  const wanted = { name: 'ci', scopes: ['sandbox:read'], lifeSeconds: 600 };
  const made = await first?.hub.apiTokens.create(wanted, localCaller);
  const other = await first?.hub.apiTokens.create(wanted, localCaller);
  assert.ok(made && other);
  for (const at of [0, 1]) assert.equal(await statusAt(at, made.token), 200);
  await first?.hub.apiTokens.revoke(made.record.id, localCaller);
  assert.equal(await statusAt(0, made.token), 401);
  await eventually(async () => (await statusAt(1, made.token)) === 401);
  assert.equal(await statusAt(1, other.token), 200);
});

test('a grant that its client gives back at one hub is void at the other', async () => {
  const flow = new CodeFlow(url);
  const { access_token, refresh_token: token } = await flow.signIn();
  const { access_token: another } = await new CodeFlow(url).signIn();
  for (const at of [0, 1]) assert.equal(await statusAt(at, access_token), 200);
  assert.equal(await statusAt(1, another), 200);
  await flow.post('revoke', { token });
  assert.equal(await statusAt(0, access_token), 401);
  await eventually(async () => (await statusAt(1, access_token)) === 401);
  assert.equal(await statusAt(1, another), 200);
});

test('a grant whose refresh token was shown twice is void at the other', async () => {
  const flow = new CodeFlow(url);
  const { access_token, refresh_token } = await flow.signIn();
  assert.equal(await statusAt(1, access_token), 200);
  const next = z.looseObject({ access_token: z.string() }).parse(await flow.refresh(refresh_token));
  assert.equal(await statusAt(1, next.access_token), 200);
  assert.equal((await flow.refresh(refresh_token)).error, 'invalid_grant');
  for (const stolen of [access_token, next.access_token])
    await eventually(async () => (await statusAt(1, stolen)) === 401);
});
