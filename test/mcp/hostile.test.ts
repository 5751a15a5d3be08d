import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { messageOf, post, postModern } from './clients.ts';
import { startTestServer } from './stand-in.ts';

/** Raise for a long run: 10,000 requests take about a minute. */
const RUNS = Number(process.env.BOXSWAIN_FUZZ_RUNS ?? 500);
const INTERNALS = /node_modules|\.ts:\d|at async|hunter2|\/work\/|Cannot read prop|is not a function/;

const echo = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'echo', arguments: { message: `m${id}` } },
});

describe('a batch', () => {
  test('runs every entry and answers each', async () => {
    await using server = await startTestServer();
    const text = await (await post(server.url, [echo(1), echo(2)])).text();
    assert.match(text, /m1/);
    assert.match(text, /m2/);
  });

  test('of more than 50 entries is refused whole', async () => {
    await using server = await startTestServer();
    const response = await post(
      server.url,
      Array.from({ length: 51 }, (_, at) => echo(at)),
    );
    assert.equal(response.status, 400);
    assert.equal((await messageOf(response)).error.code, -32600);
  });

  for (const [name, batch] of [
    ['empty', []],
    ['with a null', [echo(1), null]],
    ['nested', [[echo(1)]]],
  ]) {
    test(`that is ${name} is refused`, async () => {
      await using server = await startTestServer();
      assert.equal((await post(server.url, batch)).status, 400);
    });
  }
});

describe('a body', () => {
  test('over the cap gets 413', async () => {
    await using server = await startTestServer({ http: { max_body_bytes: 2048 } });
    assert.equal((await post(server.url, ' '.repeat(3000))).status, 413);
    const chunked = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 4; at++) controller.enqueue(new TextEncoder().encode(' '.repeat(1000)));
        controller.close();
      },
    });
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const response = await fetch(`${server.url}/mcp`, { method: 'POST', headers, body: chunked, duplex: 'half' });
    assert.equal(response.status, 413);
  });

  for (const depth of [201, 10_000, 1_000_000]) {
    test(`nested ${depth} deep is refused`, async () => {
      await using server = await startTestServer();
      const params = `{"name":"echo","arguments":{"message":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
      const response = await post(server.url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
      assert.equal(response.status, 400);
      assert.equal((await messageOf(response)).error.code, -32600);
    });
  }

  test('with brackets in strings is not nested', async () => {
    await using server = await startTestServer();
    const message = '[{"\\'.repeat(1000);
    const call = { ...echo(1), params: { name: 'echo', arguments: { message } } };
    assert.equal((await messageOf(await post(server.url, call))).result.structuredContent.message, message);
  });

  for (const text of ['', '{', 'nonsense', '{"jsonrpc":"2.0"', '\u0000', '"text"', '42', 'null', '{}']) {
    test(`of ${JSON.stringify(text)} is refused as malformed`, async () => {
      await using server = await startTestServer();
      const response = await post(server.url, text);
      assert.equal(response.status, 400);
      assert.ok([-32700, -32600].includes((await messageOf(response)).error.code));
    });
  }

  test('of another content type gets 415', async () => {
    await using server = await startTestServer();
    assert.equal((await post(server.url, echo(1), { headers: { 'content-type': 'text/plain' } })).status, 415);
  });

  test('without the media types of Streamable HTTP gets 406', async () => {
    await using server = await startTestServer();
    assert.equal((await post(server.url, echo(1), { headers: { accept: 'text/html' } })).status, 406);
  });
});

test('headers that differ from the body are refused with -32020', async () => {
  await using server = await startTestServer();
  const call = { method: 'tools/call', params: { name: 'echo', arguments: { message: 'x' } } };
  for (const [name, value] of [
    ['mcp-name', 'fs_read'],
    ['mcp-method', 'tools/list'],
  ] as const) {
    const response = await postModern(server.url, call, { headers: { [name]: value } });
    assert.equal(response.status, 400);
    assert.equal((await messageOf(response)).error.code, -32020);
  }
});

test('a flood of headers gets 431, and the server lives on', async () => {
  await using server = await startTestServer();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`x-flood-${at}`, 'y'.repeat(100)]));
    const sent = httpRequest(`${server.url}/mcp`, { method: 'POST', headers }, response =>
      resolve(response.statusCode),
    );
    sent.on('error', reject);
    sent.end();
  });
  assert.equal(status, 431);
  assert.equal((await messageOf(await post(server.url, echo(1)))).result.structuredContent.message, 'm1');
});

/** What a server answers to bytes that no HTTP client would send. */
function raw(url: string, text: string): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connectSocket(Number(port), '127.0.0.1', () => socket.end(text));
    socket.setEncoding('utf8').on('data', chunk => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('bytes that are hardly HTTP', () => {
  test('two Host headers get 403', async () => {
    await using server = await startTestServer();
    const { host } = new URL(server.url);
    const answer = await raw(server.url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[03]/);
  });

  test('a target in absolute form gets 400', async () => {
    await using server = await startTestServer();
    const { host } = new URL(server.url);
    const answer = await raw(server.url, `GET http://evil.example/healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400/);
  });

  test('no HTTP at all gets 400', async () => {
    await using server = await startTestServer();
    assert.match(await raw(server.url, 'hello\r\n\r\n'), /^HTTP\/1\.1 400/);
  });
});

test(`${RUNS} malformed requests get an orderly answer and none shows internals`, async () => {
  await using server = await startTestServer({ operations: all => all.filter(({ name }) => name !== 'test_wait') });
  const key = fc.constantFrom(
    'jsonrpc',
    'id',
    'method',
    'params',
    'name',
    'arguments',
    '_meta',
    'result',
    'error',
    '__proto__',
  );
  const method = fc.oneof(
    fc.constantFrom('initialize', 'ping', 'tools/list', 'tools/call', 'server/discover', 'tasks/get', 'tasks/cancel'),
    fc.string(),
  );
  const meta = fc.record(
    {
      'io.modelcontextprotocol/protocolVersion': fc.oneof(fc.constant('2026-07-28'), fc.jsonValue()),
      'io.modelcontextprotocol/clientCapabilities': fc.oneof(fc.constant({}), fc.jsonValue()),
      progressToken: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const params = fc.oneof(
    fc.record(
      {
        name: fc.constantFrom('echo', 'fs_read', 'nope'),
        arguments: fc.jsonValue(),
        taskId: fc.jsonValue(),
        _meta: meta,
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  );
  const message = fc.oneof(
    fc.record({ jsonrpc: fc.constant('2.0'), id: fc.jsonValue(), method, params }, { requiredKeys: ['jsonrpc'] }),
    fc.dictionary(key, fc.jsonValue()),
  );
  const body = fc.oneof(
    message.map(value => JSON.stringify(value)),
    fc.array(message, { maxLength: 4 }).map(value => JSON.stringify(value)),
    fc.string(),
  );
  const headers = fc.record(
    {
      'mcp-protocol-version': fc.constantFrom('2026-07-28', '2025-11-25', 'x', ''),
      'mcp-method': fc.constantFrom('tools/call', 'tools/list', '=?base64?!?='),
      'mcp-name': fc.constantFrom('echo', '=?base64?@@?='),
      'mcp-session-id': fc.constantFrom('x', ''),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(body, headers, async (text, given) => {
      const response = await post(server.url, text, { headers: given, signal: AbortSignal.timeout(20_000) });
      const answer = await response.text();
      assert.ok(response.status < 500, `${response.status} for ${text}`);
      assert.doesNotMatch(answer, INTERNALS);
    }),
    { numRuns: RUNS },
  );
  assert.equal((await messageOf(await post(server.url, echo(1)))).result.structuredContent.message, 'm1');
});
