import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { messageOf, post, postModern } from './clients.ts';
import { startTestServer, type TestServer } from './stand-in.ts';

let server: TestServer;
beforeFirst(async () => {
  server = await startTestServer();
});
afterLast(() => server[Symbol.asyncDispose]());

const opening = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
const without = (key: keyof typeof opening) => ({ ...opening, [key]: undefined });
/** Of the library that reads requests, and of what JavaScript calls things. */
const INTERNALS = /zod|invalid_type|\[\n|"path"|"code":\s*"|Error:|undefined is not/i;

/** Parameters that fit no `initialize`, and what the client is told to mend. */
const MISFITS: readonly [params: object | undefined, told: RegExp][] = [
  [undefined, /expected object/],
  [{}, /protocolVersion: expected string.*capabilities.*clientInfo/],
  [without('protocolVersion'), /: protocolVersion: expected string/],
  [without('capabilities'), /: capabilities: expected object/],
  [without('clientInfo'), /: clientInfo: expected object/],
  [{ ...opening, protocolVersion: 7 }, /: protocolVersion: expected string, received number/],
  [{ ...opening, capabilities: 'all' }, /: capabilities: expected object, received string/],
  [{ ...opening, clientInfo: { name: 't' } }, /: clientInfo\.version: expected string/],
];

describe('an initialize whose parameters do not fit', () => {
  test('is refused with -32602 and what to mend, and nothing of how it was found out', async () => {
    for (const [params, told] of MISFITS) {
      const response = await post(server.url, { jsonrpc: '2.0', id: 'i', method: 'initialize', params });
      const { id, error } = await messageOf(response);
      assert.equal(id, 'i');
      assert.equal(error.code, -32602, JSON.stringify(params));
      assert.match(error.message, /^Invalid params for initialize: /);
      assert.match(error.message, told);
      assert.doesNotMatch(JSON.stringify(error), INTERNALS);
      assert.equal(response.headers.get('mcp-session-id'), null);
    }
  });

  test('is no method of the modern era, whatever its parameters', async () => {
    for (const params of [{}, opening]) {
      const response = await postModern(server.url, { id: 'i', method: 'initialize', params });
      const { error } = await messageOf(response);
      assert.equal(error.code, -32601);
      assert.doesNotMatch(JSON.stringify(error), INTERNALS);
    }
  });

  test('leaves the server ready for one that fits', async () => {
    const response = await post(server.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: opening });
    assert.equal((await messageOf(response)).result.serverInfo.name, 'boxswain');
  });
});

test('parameters that do not fit are -32602 for every method, in both eras', async () => {
  const calls = [
    { method: 'tools/list', params: { cursor: 5 } },
    { method: 'tools/call', params: {} },
    { method: 'tools/call', params: { name: 7 } },
    { method: 'tools/call', params: { name: 'echo', arguments: 'x' } },
  ];
  for (const call of calls) {
    const answers = [
      await messageOf(await post(server.url, { jsonrpc: '2.0', id: 1, ...call })),
      await messageOf(await postModern(server.url, call)),
    ];
    for (const { error } of answers) {
      assert.equal(error?.code, -32602, JSON.stringify(call));
      assert.doesNotMatch(JSON.stringify(error), INTERNALS);
    }
  }
});
