import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { Server } from '@modelcontextprotocol/server';
import { authInfoOf } from '../auth/auth-info.ts';
import { type Caller, localCaller } from '../auth/caller.ts';
import { silentLog } from '../log/log.ts';
import { memoryClientSessions } from '../../test/support/memory-client-sessions.ts';
import { Sessions } from './sessions.ts';

const other: Caller = { id: 'other', scopes: new Set(['sandbox:read']), teams: new Set<string>() };
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};
const IDLE_MS = 1_000;

/** Sessions of one hub. Hubs that are given the same records serve the same sessions. */
function makeSessions({ maxSessions = 10, records = memoryClientSessions() } = {}) {
  const ended: string[] = [];
  const told: string[] = [];
  const cancelled: unknown[] = [];
  const slow = Promise.withResolvers<void>();
  const sessions = new Sessions({
    records,
    log: silentLog,
    idleMs: IDLE_MS,
    maxSessions,
    maxPerCaller: 5,
    serve: () => {
      const server = new Server({ name: 't', version: '1' }, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', async (_request, { mcpReq }) => {
        mcpReq.signal.addEventListener('abort', () => cancelled.push(mcpReq.id));
        await slow.promise;
        const tools = [{ name: server.getClientVersion()?.name ?? '', inputSchema: { type: 'object' as const } }];
        return { tools };
      });
      return server;
    },
    begun: async () => {},
    tell: id => {
      told.push(id);
    },
    ended: async connection => {
      ended.push(connection.id);
    },
  });
  return { sessions, records, ended, told, cancelled, slow };
}

function requestOf(body: object | undefined, caller: Caller, session?: string) {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(session !== undefined && { 'mcp-session-id': session }),
  };
  const method = body === undefined ? 'DELETE' : 'POST';
  const request = new Request('http://localhost/mcp', { method, headers });
  return { request, caller, authInfo: authInfoOf(caller), parsedBody: body };
}

async function open(sessions: Sessions, caller: Caller = localCaller): Promise<string> {
  const response = await sessions.open(requestOf(initialize, caller));
  await response.text();
  return response.headers.get('mcp-session-id') ?? '';
}

const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };

const list = { jsonrpc: '2.0', id: 3, method: 'tools/list' };

/** What timers began is done. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
};

describe('a session', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());
  const pass = async () => {
    mock.timers.tick(IDLE_MS);
    await settled();
  };

  test('ends when no hub had a request of it for the idle time', async () => {
    const { sessions, records, ended, told } = makeSessions();
    const id = await open(sessions);
    await pass();
    assert.deepEqual([sessions.size, ended], [1, []]);
    records.forgetUse();
    await pass();
    assert.equal(sessions.size, 0);
    assert.deepEqual([ended.length, told], [1, [id]]);
  });

  test('is not idle after a request, nor while a call runs', async () => {
    const { sessions, records, slow, ended } = makeSessions();
    const id = await open(sessions);
    records.forgetUse();
    await (await sessions.handle(requestOf(ping, localCaller, id))).text();
    await pass();
    const answer = await sessions.handle(requestOf(list, localCaller, id));
    records.forgetUse();
    await pass();
    assert.deepEqual([sessions.size, ended], [1, []]);
    slow.resolve();
    assert.match(await answer.text(), /"tools":\[/);
  });

  test('of another caller answers like one that never was', async () => {
    const { sessions } = makeSessions();
    const id = await open(sessions);
    const foreign = await sessions.handle(requestOf(ping, other, id));
    const unknown = await sessions.handle(requestOf(ping, other, 'no-such-session'));
    assert.equal(foreign.status, 404);
    assert.deepEqual(await foreign.json(), await unknown.json());
    assert.equal((await sessions.handle(requestOf(ping, localCaller, id))).status, 200);
  });

  test('that makes room for another in memory goes on at its next request', async () => {
    const { sessions, ended } = makeSessions({ maxSessions: 1 });
    const id = await open(sessions);
    await open(sessions, other);
    assert.equal(sessions.size, 1);
    assert.equal((await sessions.handle(requestOf(ping, localCaller, id))).status, 200);
    assert.deepEqual(ended, []);
  });

  test('makes no room while a call of it runs', async () => {
    const { sessions, slow } = makeSessions({ maxSessions: 1 });
    const answer = await sessions.handle(requestOf(list, localCaller, await open(sessions)));
    assert.equal((await sessions.open(requestOf(initialize, other))).status, 503);
    slow.resolve();
    await answer.text();
    assert.equal((await sessions.open(requestOf(initialize, other))).status, 200);
  });

  test('whose opening is larger than any client’s is refused', async () => {
    const { sessions } = makeSessions();
    const capabilities = { experimental: { big: { text: 'x'.repeat(20_000) } } };
    const large = { ...initialize, params: { ...initialize.params, capabilities } };
    assert.equal((await sessions.open(requestOf(large, localCaller))).status, 400);
  });
});

describe('a session that another hub opened', () => {
  const twoHubs = () => {
    const a = makeSessions();
    return { a, b: makeSessions({ records: a.records }) };
  };

  test('is served as it was opened', async () => {
    const { a, b } = twoHubs();
    b.slow.resolve();
    const answer = await b.sessions.handle(requestOf(list, localCaller, await open(a.sessions)));
    assert.match(await answer.text(), /"name":"t"/);
  });

  test('is opened once for requests that come at once', async () => {
    const { a, b } = twoHubs();
    const id = await open(a.sessions);
    const answers = await Promise.all([1, 2, 3].map(() => b.sessions.handle(requestOf(ping, localCaller, id))));
    assert.deepEqual(await Promise.all(answers.map(answer => answer.status)), [200, 200, 200]);
    assert.equal(b.sessions.size, 1);
  });

  test('is no session of another caller', async () => {
    const { a, b } = twoHubs();
    const id = await open(a.sessions);
    assert.equal((await b.sessions.handle(requestOf(ping, other, id))).status, 404);
    assert.equal(b.sessions.size, 0);
  });

  test('ends for both with DELETE at either', async () => {
    const { a, b } = twoHubs();
    const id = await open(a.sessions);
    assert.equal((await b.sessions.handle(requestOf(undefined, localCaller, id))).status, 200);
    assert.deepEqual([b.ended.length, b.told], [1, [id]]);
    await a.sessions.forget(id);
    assert.equal((await a.sessions.handle(requestOf(ping, localCaller, id))).status, 404);
  });

  test('goes on when its hub is closed', async () => {
    const { a, b } = twoHubs();
    const id = await open(a.sessions);
    await a.sessions.close();
    assert.deepEqual(a.ended, []);
    assert.equal((await b.sessions.handle(requestOf(ping, localCaller, id))).status, 200);
  });

  test('passes a cancellation on to the hub that has the request, for its own caller only', async () => {
    const { a } = twoHubs();
    const id = await open(a.sessions);
    const answer = await a.sessions.handle(requestOf(list, localCaller, id));
    a.sessions.cancel(id, { callerId: other.id, request: list.id });
    a.sessions.cancel('no-such-session', { callerId: localCaller.id, request: list.id });
    await settled();
    assert.deepEqual(a.cancelled, []);
    a.sessions.cancel(id, { callerId: localCaller.id, request: list.id });
    await settled();
    assert.deepEqual(a.cancelled, [list.id]);
    a.slow.resolve();
    await answer.body?.cancel();
  });
});
