import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { Verdict } from '../auth/verdict.ts';
import { AppError } from '../errors/app-error.ts';
import { silentLog } from '../log/log.ts';
import { OpenAnswers } from './open-answers.ts';

const GOOD: Verdict = { caller: { id: 'a', scopes: new Set(), teams: new Set() } };

/** A server whose answers never end by themselves; a request names its token by its path. */
async function setUp(context: TestContext) {
  const verdicts = new Map<string, Verdict | AppError>();
  const authenticate = async (token: string): Promise<Verdict> => {
    const verdict = verdicts.get(token) ?? GOOD;
    if (verdict instanceof AppError) throw verdict;
    return verdict;
  };
  const open = new OpenAnswers({ issuers: [], authenticate, forget: () => {} }, { log: silentLog });
  const server = createServer((request, response) => {
    open.add(request, response, request.url?.slice(1) ?? '');
    if (request.headers['x-stream']) open.markStream(response);
    response.writeHead(200).write('begun\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    open.close();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const begin = async (token: string, method = 'GET', headers: Record<string, string> = {}) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path: `/${token}`, method, headers });
    const closed = new Promise<void>(resolve => sent.on('close', resolve));
    sent.on('error', () => {}).end();
    const [response] = await once(sent, 'response');
    await once(response, 'data');
    response.on('error', () => {});
    const state = { isOpen: true, closed };
    void closed.then(() => {
      state.isOpen = false;
    });
    return state;
  };
  return { open, verdicts, begin };
}

test('streams and calls of a token that was revoked are cut off, those of others are not', async context => {
  const { open, verdicts, begin } = await setUp(context);
  const [stream, call, other] = await Promise.all([begin('bad'), begin('bad', 'POST'), begin('good')]);
  await open.look();
  assert.deepEqual([stream.isOpen, call.isOpen, other.isOpen], [true, true, true]);
  verdicts.set('bad', { refused: 'revoked' });
  await open.look();
  await Promise.all([stream.closed, call.closed]);
  assert.equal(other.isOpen, true);
});

test('a call may be let finish, such as the one that revokes its own token', async context => {
  const { open, verdicts, begin } = await setUp(context);
  const [stream, call] = await Promise.all([begin('bad'), begin('bad', 'POST')]);
  verdicts.set('bad', { refused: 'revoked' });
  await open.look({ streamsOnly: true });
  await stream.closed;
  assert.equal(call.isOpen, true);
  await open.look();
  await call.closed;
});

test('a call may outlast its token, what has no end may not', async context => {
  const { open, verdicts, begin } = await setUp(context);
  const [stream, subscription, call] = await Promise.all([
    begin('old'),
    begin('old', 'POST', { 'x-stream': '1' }),
    begin('old', 'POST'),
  ]);
  verdicts.set('old', { refused: 'expired', isExpired: true });
  await open.look();
  await Promise.all([stream.closed, subscription.closed]);
  assert.equal(call.isOpen, true);
});

test('while nobody can judge a token, what is open stays open', async context => {
  const { open, verdicts, begin } = await setUp(context);
  const stream = await begin('unknown');
  verdicts.set('unknown', new AppError('SERVICE_UNAVAILABLE', 'away'));
  await open.look();
  assert.equal(stream.isOpen, true);
});
