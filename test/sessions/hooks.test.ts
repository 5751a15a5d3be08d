import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { askOperation } from '../support/operations-api.ts';

const permissionsSchema = z.object({
  permissions: z.array(z.looseObject({ requestId: z.string(), sessionId: z.string(), state: z.string() })),
});

describe('HTTP hooks of Claude Code', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let token: string;

  const start = (args: string[] = []) =>
    startServer({
      directory: join(scratch.path, 'data'),
      env: { BOXSWAIN_SESSIONS_ROOTS: scratch.path, HOME: join(scratch.path, 'home') },
      args,
    });
  const operate = (name: string, args: object = {}) => askOperation(server.url, name, args);
  const hookOf = (event: string, sessionId: string, more: object = {}) => ({
    ...{ hook_event_name: event, session_id: sessionId, cwd: scratch.path, transcript_path: '/c/-x/s.jsonl' },
    ...{ tool_name: 'Write', tool_input: { file_path: '/x' }, ...more },
  });
  const post = (body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${server.url}/api/hooks/claude`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  /** With any header, also those that fetch sets itself. */
  const raw = async (headers: Record<string, string>) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: unknown }>();
    const sent = request(`${server.url}/api/hooks/claude`, { method: 'POST', headers }, response => {
      json(response).then(body => resolve({ status: response.statusCode, body }), reject);
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(hookOf('Stop', randomUUID())));
    return await promise;
  };
  const requestsOf = async (sessionId: string) => {
    const { body } = await operate('list_permissions', { session_id: sessionId, state: 'all' });
    return permissionsSchema.parse(body).permissions;
  };
  const pendingOf = async (sessionId: string) => {
    await eventually(async () => (await requestsOf(sessionId)).some(({ state }) => state === 'pending'));
    const pending = (await requestsOf(sessionId)).find(({ state }) => state === 'pending');
    return pending?.requestId ?? assert.fail('nothing waits');
  };
  const respond = (sessionId: string, requestId: string, behavior: 'allow' | 'deny') =>
    operate('respond_permission', { session_id: sessionId, request_id: requestId, behavior });

  before(async () => {
    scratch = await scratchDirectory();
    await mkdir(join(scratch.path, 'home'));
    server = await start();
    token = String((await operate('hook_token_create')).body.token);
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  test('a request for leave is held until it is answered over the API, and the terminal gets the decision', async () => {
    const sessionId = randomUUID();
    const reply = post(hookOf('PermissionRequest', sessionId));
    const requestId = await pendingOf(sessionId);
    const answered = await respond(sessionId, requestId, 'allow');
    assert.equal(answered.status, 200, JSON.stringify(answered));
    const response = await reply;
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      hookSpecificOutput: { hookEventName: 'PermissionRequest', decision: { behavior: 'allow' } },
    });
  });

  test('a terminal that closes its request was answered there, and a later answer is PERMISSION_NOT_PENDING', async () => {
    const sessionId = randomUUID();
    const closing = new AbortController();
    const reply = post(hookOf('PermissionRequest', sessionId), {}, closing.signal);
    const requestId = await pendingOf(sessionId);
    closing.abort();
    await assert.rejects(reply);
    await eventually(async () => (await requestsOf(sessionId))[0]?.state === 'resolved_locally');
    const { status, body } = await respond(sessionId, requestId, 'allow');
    assert.deepEqual([status, body.code], [409, 'PERMISSION_NOT_PENDING']);
  });

  test('a hook without the token of a caller is 401, whatever it says', async () => {
    const hook = hookOf('Stop', randomUUID());
    for (const authorization of ['', 'Bearer wrong', `Bearer ${token}x`, `Basic ${token}`]) {
      const response = await post(hook, { authorization });
      assert.equal(response.status, 401, authorization);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    const large = await post({ text: 'x'.repeat(2_000_000) }, { authorization: 'Bearer wrong' });
    assert.equal(large.status, 401);
    assert.equal((await post(hook)).status, 200);
  });

  test('a hook of a page, under a foreign Host or Origin, is refused although its token is right', async () => {
    const { host } = new URL(server.url);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}`, host };
    assert.deepEqual(await raw(headers), { status: 200, body: {} });
    assert.equal((await raw({ ...headers, host: 'attacker.example' })).status, 403);
    assert.equal((await raw({ ...headers, origin: 'https://attacker.example' })).status, 403);
    // The token says who it is, so it may come through a proxy.
    assert.equal((await raw({ ...headers, 'x-forwarded-for': '10.0.0.1' })).status, 200);
  });

  test('a hook of more than 1 MiB is 413, what is no hook is 400 or 405', async () => {
    const large = await post(hookOf('PostToolUse', randomUUID(), { tool_response: 'x'.repeat(1_048_576) }));
    assert.equal(large.status, 413);
    const fitting = await post(hookOf('PostToolUse', randomUUID(), { tool_response: 'x'.repeat(1_000_000) }));
    assert.equal(fitting.status, 200);
    assert.equal((await post({ hook_event_name: 'Stop' })).status, 400);
    const read = await fetch(`${server.url}/api/hooks/claude`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(read.status, 405);
  });

  test('a server that ends gives its replies; after a kill what it held has ended', async () => {
    const sessionId = randomUUID();
    const reply = post(hookOf('PermissionRequest', sessionId));
    await pendingOf(sessionId);
    await server.stop();
    assert.deepEqual(await (await reply).json(), {});
    server = await start();
    assert.equal((await requestsOf(sessionId))[0]?.state, 'expired');
    const cut = assert.rejects(post(hookOf('PermissionRequest', sessionId)));
    const requestId = await pendingOf(sessionId);
    await server.kill();
    await cut;
    server = await start();
    const { status, body } = await respond(sessionId, requestId, 'allow');
    assert.deepEqual([status, body.code], [409, 'PERMISSION_NOT_PENDING']);
    await eventually(async () => (await requestsOf(sessionId)).every(({ state }) => state === 'expired'));
  });

  test('a token that was revoked is void', async () => {
    const other = String((await operate('hook_token_create')).body.token);
    const headers = { authorization: `Bearer ${other}` };
    assert.equal((await post(hookOf('Stop', randomUUID()), headers)).status, 200);
    const sha256 = createHash('sha256').update(other).digest('hex');
    assert.deepEqual((await operate('hook_token_revoke', { sha256 })).body, { revoked: true });
    assert.equal((await post(hookOf('Stop', randomUUID()), headers)).status, 401);
    assert.deepEqual((await operate('hook_token_revoke', { sha256 })).body, { revoked: false });
  });
});
