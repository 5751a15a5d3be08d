import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { z } from 'zod';
import { connectUrl } from '../../src/cli/socket-client.ts';
import { workspaceCreate, workspaceList } from '../../src/operations/sandbox/workspaces.ts';
import { api, eventsOf } from '../http/clients.ts';
import { post } from '../mcp/clients.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type RunningServer, runCli, scratchDirectory, startServer } from '../support/server.ts';

const ECHO = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { message: 'hi' } } };
const made = z.looseObject({ token: z.string(), token_id: z.string() });

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
beforeFirst(async () => {
  scratch = await scratchDirectory();
  server = await startServer({ directory: scratch.path, env: { BOXSWAIN_AUTH_REQUIRED: 'true' } });
});
afterLast(async () => {
  await server.stop();
  await scratch.remove();
});

const cli = (...args: string[]) => runCli([...args, '--directory', scratch.path]);
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await cli(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};
/** What the user of this machine does by the hub's own socket. */
async function locally(method: string, path: string, body?: object): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeJS.ReadableStream>();
  const headers = { 'content-type': 'application/json' };
  const sent = request({ socketPath: join(scratch.path, 'hub.sock'), method, path, headers }, resolve);
  sent.on('error', reject).end(body && JSON.stringify(body));
  return JSON.parse(await text(await promise));
}
const make = async (name: string, ...scopes: string[]) =>
  made.parse(await locally('POST', '/api/tokens', { name, scopes }));
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('a token is made on the machine of the hub, used from anywhere, listed, and revoked at once', async () => {
  assert.equal((await post(server.url, ECHO)).status, 401, 'a token is required');
  const { token, token_id } = made.parse(await json('tokens', 'create', 'ci', '--scopes', 'sandbox:read'));
  const headers = { ...bearer(token), 'x-forwarded-for': '192.0.2.7' };
  assert.equal((await post(server.url, ECHO, { headers })).status, 200);
  const denied = await api(server.url, 'POST /api/workspaces', {}, headers);
  assert.deepEqual([denied.status, denied.body.code], [403, 'INSUFFICIENT_SCOPE']);

  const env = { BOXSWAIN_CLIENT_URL: server.url, BOXSWAIN_CLIENT_TOKEN: token };
  const { stdout } = await runCli(['tokens', 'list', '--json'], { env });
  const { tokens } = z.object({ tokens: z.array(z.looseObject({})) }).parse(JSON.parse(stdout));
  const [listed] = tokens;
  assert.deepEqual([listed?.token_id, listed?.state, listed?.caller], [token_id, 'good', 'local']);
  assert.equal(typeof listed?.last_used_at, 'string');
  assert.ok(!JSON.stringify(tokens).includes(token));

  const revoked = await cli('tokens', 'revoke', token_id);
  assert.match(revoked.stdout, new RegExp(`revoked ${token_id}`));
  assert.equal((await post(server.url, ECHO, { headers })).status, 401);
});

test('an open stream ends with the token of its reader', async () => {
  const writer = await make('writer', 'sandbox:write');
  const workspace = await api(server.url, 'POST /api/workspaces', {}, bearer(writer.token));
  const reader = await make('reader', 'sandbox:read');
  const path = `/api/workspaces/${workspace.body.workspace_id}/events`;
  const stream = await fetch(new URL(path, server.url), { headers: bearer(reader.token) });
  assert.equal(stream.status, 200);
  const events = eventsOf(stream);
  assert.equal((await events.next()).done, false);
  const ended = assert.rejects(Array.fromAsync(events), 'the stream is cut');
  await locally('DELETE', `/api/tokens/${reader.token_id}`);
  await ended;
  assert.equal(
    (await api(server.url, `GET ${path.replace('/events', '')}`, undefined, bearer(writer.token))).status,
    200,
  );
});

test('commands elsewhere are told what to do without a good token', async () => {
  const { token } = await make('elsewhere', 'sandbox:read');
  const client = await connectUrl(server.url, { token });
  const call = { signal: AbortSignal.timeout(60_000), report: () => {} };
  assert.ok(Array.isArray((await client.call(workspaceList, {}, call)).output.workspaces));
  await assert.rejects(client.call(workspaceCreate, {}, call), { code: 'INSUFFICIENT_SCOPE' });
  for (const shown of [undefined, 'bxs_nobodys'])
    await assert.rejects(connectUrl(server.url, { token: shown }), {
      code: 'UNAUTHORIZED',
      hint: /boxswain tokens create/,
    });
});

test('the routes of tokens tell the secret once, to nobody in between, and only its maker', async () => {
  const boss = await make('boss', 'admin');
  const answer = await api(server.url, 'POST /api/tokens', { name: 'x', scopes: ['sandbox:read'] }, bearer(boss.token));
  assert.deepEqual([answer.status, answer.body.code], [403, 'POLICY_DENIED']);
  const list = await api(server.url, 'GET /api/tokens', undefined, bearer(boss.token));
  assert.ok(!JSON.stringify(list.body).includes('bxs_'));
  const { status } = await api(server.url, `DELETE /api/tokens/${boss.token_id}`, undefined, bearer(boss.token));
  assert.equal(status, 200);
  assert.equal((await api(server.url, 'GET /api/tokens', undefined, bearer(boss.token))).status, 401);
});
