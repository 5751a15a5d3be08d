import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { fire } from './fuzz/wire.ts';

let server: TestServer;
beforeFirst(async () => {
  server = await startTestServer();
});
afterLast(() => server[Symbol.asyncDispose]());

for (const accept of ['application/json', 'application/json, text/event-stream']) {
  test(`a client of MCP that asks for the end of its connection and takes ${accept} gets it`, async () => {
    const headers = [
      ['content-type', 'application/json'],
      ['accept', accept],
    ] as const;
    const body = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}');
    const shot = { method: 'POST', target: '/mcp', headers, body, framing: 'length' as const };
    const { status, head, isHeld } = await fire(server.url, shot, { waitMs: 30_000 });
    assert.deepEqual([status, isHeld], [200, false]);
    assert.match(head, /^connection: close\r?$/im);
  });
}
