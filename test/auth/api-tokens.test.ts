import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { api, eventsOf } from '../http/clients.ts';
import { post } from '../mcp/clients.ts';
import { type RunningServer, runCli, scratchDirectory, startServer } from '../support/server.ts';

const ECHO = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { message: 'hi' } } };
const made = z.looseObject({ token: z.string(), token_id: z.string() });

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
before(async () => {
  scratch = await scratchDirectory();
  server = await startServer({ directory: scratch.path, env: { BOXSWAIN_AUTH_REQUIRED: 'true' } });
});
after(async () => {
  await server.stop();
  await scratch.remove();
});

const cli = (...args: string[]) => runCli([...args, '--directory', scratch.path]);
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await cli(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('a token is made on the machine of the hub, used from anywhere, listed, and revoked at once', async () => {
  assert.equal((await post(server.url, ECHO)).status, 401, 'a token is required');
  const { token, token_id } = made.parse(await json('tokens', 'create', 'ci', '--scopes', 'sandbox:read'));
  const headers = { ...bearer(token), 'x-forwarded-for': '192.0.2.7' };
  assert.equal((await post(server.url, ECHO, { headers })).status, 200);
  const denied = await api(server.url, 'POST /api/workspaces', {}, headers);
  assert.deepEqual([denied.status, denied.body.code], [403, 'INSUFFICIENT_SCOPE']);

  const { tokens } = z.object({ tokens: z.array(z.looseObject({})) }).parse(await json('tokens', 'list'));
  const [listed] = tokens;
  assert.deepEqual([listed?.token_id, listed?.state, listed?.caller], [token_id, 'good', 'local']);
  assert.equal(typeof listed?.last_used_at, 'string');
  assert.ok(!JSON.stringify(tokens).includes(token));

  const revoked = await cli('tokens', 'revoke', token_id);
  assert.match(revoked.stdout, new RegExp(`revoked ${token_id}`));
  assert.equal((await post(server.url, ECHO, { headers })).status, 401);
});

test('an open stream ends with the token of its reader', async () => {
  const writer = made.parse(await json('tokens', 'create', 'writer', '--scopes', 'sandbox:write'));
  const workspace = await api(server.url, 'POST /api/workspaces', {}, bearer(writer.token));
  const reader = made.parse(await json('tokens', 'create', 'reader', '--scopes', 'sandbox:read'));
  const path = `/api/workspaces/${workspace.body.workspace_id}/events`;
  const stream = await fetch(new URL(path, server.url), { headers: bearer(reader.token) });
  assert.equal(stream.status, 200);
  const events = eventsOf(stream);
  assert.equal((await events.next()).done, false);
  const ended = (async () => {
    for await (const _event of events) continue;
  })();
  await json('tokens', 'revoke', reader.token_id);
  await assert.rejects(ended, 'the stream is cut');
  assert.equal(
    (await api(server.url, `GET ${path.replace('/events', '')}`, undefined, bearer(writer.token))).status,
    200,
  );
});

test('the routes of tokens tell the secret once, to nobody in between, and only its maker', async () => {
  const boss = made.parse(await json('tokens', 'create', 'boss', '--scopes', 'admin'));
  const answer = await api(server.url, 'POST /api/tokens', { name: 'x', scopes: ['sandbox:read'] }, bearer(boss.token));
  assert.deepEqual([answer.status, answer.body.code], [403, 'POLICY_DENIED']);
  const list = await api(server.url, 'GET /api/tokens', undefined, bearer(boss.token));
  assert.ok(!JSON.stringify(list.body).includes('bxs_'));
  const { status } = await api(server.url, `DELETE /api/tokens/${boss.token_id}`, undefined, bearer(boss.token));
  assert.equal(status, 200);
  assert.equal((await api(server.url, 'GET /api/tokens', undefined, bearer(boss.token))).status, 401);
});
