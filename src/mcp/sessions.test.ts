import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { Server } from '@modelcontextprotocol/server';
import { authInfoOf } from '../auth/auth-info.ts';
import { type Caller, localCaller } from '../auth/caller.ts';
import { Sessions } from './sessions.ts';

const other: Caller = { id: 'other', scopes: new Set(['sandbox:read']) };
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};
const IDLE_MS = 1_000;

function makeSessions(maxSessions = 10) {
  const ended: string[] = [];
  const slow = Promise.withResolvers<void>();
  const sessions = new Sessions({
    idleMs: IDLE_MS,
    maxSessions,
    maxPerCaller: 5,
    serve: () => {
      const server = new Server({ name: 't', version: '1' }, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', () => slow.promise.then(() => ({ tools: [] })));
      return server;
    },
    ended: async connection => {
      ended.push(connection.id);
    },
  });
  return { sessions, ended, slow };
}

function requestOf(body: object, caller: Caller, session?: string) {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(session !== undefined && { 'mcp-session-id': session }),
  };
  const request = new Request('http://localhost/mcp', { method: 'POST', headers });
  return { request, caller, authInfo: authInfoOf(caller), parsedBody: body };
}

async function open(sessions: Sessions, caller: Caller = localCaller): Promise<string> {
  const response = await sessions.open(requestOf(initialize, caller));
  await response.text();
  return response.headers.get('mcp-session-id') ?? '';
}

const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };

describe('a session', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  test('ends when nothing came for the idle time', async () => {
    const { sessions, ended } = makeSessions();
    const id = await open(sessions);
    mock.timers.tick(IDLE_MS - 1);
    assert.equal(sessions.size, 1);
    await (await sessions.handle(requestOf(ping, localCaller, id))).text();
    mock.timers.tick(IDLE_MS - 1);
    assert.equal(sessions.size, 1, 'a call starts the idle time anew');
    mock.timers.tick(1);
    assert.equal(sessions.size, 0);
    await new Promise(setImmediate);
    assert.equal(ended.length, 1);
  });

  test('is not idle while a call runs', async () => {
    const { sessions, slow } = makeSessions();
    const id = await open(sessions);
    const answer = await sessions.handle(requestOf({ ...ping, method: 'tools/list' }, localCaller, id));
    mock.timers.tick(IDLE_MS * 10);
    assert.equal(sessions.size, 1);
    slow.resolve();
    assert.match(await answer.text(), /"tools":\[\]/);
    mock.timers.tick(IDLE_MS);
    assert.equal(sessions.size, 0);
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

  test('is never taken from another caller to make room', async () => {
    const { sessions } = makeSessions(1);
    const id = await open(sessions);
    const refused = await sessions.open(requestOf(initialize, other));
    assert.equal(refused.status, 503);
    assert.equal((await sessions.handle(requestOf(ping, localCaller, id))).status, 200);
  });
});
