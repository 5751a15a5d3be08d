import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { messageOf, post, postModern } from '../mcp/clients.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { eventually } from '../support/eventually.ts';
import { footprint } from '../support/leftovers.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

const SLOW = 150;
const READERS = 1_025;

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
/** Of headers that never end; opened first, since the server waits for them a while. */
let slow: Promise<string>[];
beforeFirst(async () => {
  scratch = await scratchDirectory();
  server = await startServer({ directory: scratch.path });
  const sockets = await Promise.all(Array.from({ length: SLOW }, () => opened('POST /mcp HTTP/1.1\r\nHost: ')));
  slow = sockets.map(async (socket, at) => {
    const drip = at % 2 === 0 ? setInterval(() => socket.write('x'), 1_000) : undefined;
    socket.on('close', () => clearInterval(drip));
    return text(socket).catch(String);
  });
  // Each test counts what it adds to these.
  await eventually(async () => (await descriptors()) >= SLOW, 30_000);
});
afterLast(async () => {
  await server?.stop();
  await scratch.remove();
});

const port = () => Number(new URL(server.url).port);
const pid = () => server.child.pid ?? assert.fail('the server has no process');
const descriptors = async () => (await footprint(pid())).descriptors;

async function opened(beginning: string): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(beginning);
  return socket;
}

const assertAnswers = async () => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { message: 'hi' } } };
  assert.equal((await messageOf(await post(server.url, call))).result.structuredContent.message, 'hi');
};

test('a batch of 100,000 is refused whole, without an answer to any entry', async () => {
  const response = await post(server.url, Array(100_000).fill({ jsonrpc: '2.0', id: 1, method: 'ping' }));
  assert.equal(response.status, 400);
  const told = await response.text();
  assert.equal(JSON.parse(told).error.code, -32600);
  assert.ok(told.length < 1_000);
  await assertAnswers();
});

test('a body nested 10,000 deep is refused by every surface', async () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":${deep}}}}`;
  assert.equal((await post(server.url, call)).status, 400);
  const headers = { 'content-type': 'application/json' };
  const sent = { method: 'POST', headers, body: `{"message":${deep}}` };
  assert.equal((await fetch(`${server.url}/api/operations/echo`, sent)).status, 400);
  assert.equal((await post(server.url, `{"command":"list","args":${deep}}`)).status, 400);
});

test('the 1,025th subscription is answered like the first, and none stays open for what never changes', async () => {
  const before = await descriptors();
  const filter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
  for (let at = 0; at < READERS; at += 25) {
    const answers = await Promise.all(
      Array.from({ length: 25 }, async (_, more) => {
        const request = { id: at + more, method: 'subscriptions/listen', params: { notifications: filter } };
        const response = await postModern(server.url, request);
        return { status: response.status, ended: await response.text() };
      }),
    );
    for (const { status, ended } of answers) {
      assert.equal(status, 200, ended);
      assert.match(ended, /acknowledged[\s\S]*"complete"/);
    }
  }
  await assertAnswers();
  await eventually(async () => (await descriptors()) <= before + 40, 30_000);
});

test('1,025 readers of events keep nobody out, and leave nothing behind', async () => {
  const before = await descriptors();
  const ask = `GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\n\r\n`;
  const readers: Socket[] = [];
  for (let at = 0; at < READERS; at++) readers.push(await opened(ask));
  await Promise.all(readers.map(reader => once(reader, 'data')));
  await assertAnswers();
  for (const reader of readers) reader.destroy();
  await eventually(async () => (await descriptors()) <= before + 40, 30_000);
});

test('bodies that come slowly keep nobody out, and one that breaks off is no fault of the server', async () => {
  const paths = ['/mcp', '/api/operations/echo', '/api/artifacts', '/api/workspaces', '/api/hooks/claude'];
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const before = await descriptors();
  const senders = await Promise.all(
    Array.from({ length: SLOW }, (_, at) => opened(head(paths[at % paths.length] ?? ''))),
  );
  await assertAnswers();
  for (const sender of senders) sender.destroy();
  await assertAnswers();
  await eventually(async () => (await descriptors()) <= before + 40, 30_000);
  const faults = server.log().match(/"level":[56]0[^\n]*/g) ?? [];
  assert.deepEqual(faults.slice(0, 1), []);
});

test('headers that come slowly are cut, whether more comes or not', async () => {
  await assertAnswers();
  for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 /);
});
