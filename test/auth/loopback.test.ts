import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { startTestServer, type TestServer } from '../mcp/stand-in.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';

let server: TestServer;
let own: string;
beforeFirst(async () => {
  server = await startTestServer({ http: { allowed_hosts: ['box.example.com'] } });
  own = new URL(server.url).host;
});
afterLast(() => server[Symbol.asyncDispose]());

/** The status that a request gets which is written byte by byte as it is. */
async function statusOf(lines: readonly string[], port = Number(own.split(':')[1])): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]);
}
const get = (...headers: string[]) => statusOf(['GET /api/workspaces HTTP/1.1', ...headers]);

test('a direct request under an own name is let in', async () => {
  for (const name of [own, own.replace('127.0.0.1', 'localhost'), own.replace('127.0.0.1', 'LOCALHOST')])
    assert.equal(await get(`Host: ${name}`), 200, name);
  assert.equal(await get(`Host: ${own}`, `Origin: http://${own}`), 200);
});

describe('a name that is bound again to this machine', () => {
  const hosts = () => [
    'evil.example',
    `evil.example:${own.split(':')[1]}`,
    own.replace('127.0.0.1', '127.0.0.1.evil.example'),
    own.replace('127.0.0.1', 'localhost.'),
    own.replace('127.0.0.1', '0.0.0.0'),
    own.replace('127.0.0.1', '127.1'),
    own.replace('127.0.0.1', '2130706433'),
    own.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
    `${own}@evil.example`,
    `${own}#evil.example`,
    `${own}, evil.example`,
    'box.example.com.evil.example',
    'localhost:1',
  ];
  test('is refused, however it is written', async () => {
    for (const host of hosts()) assert.equal(await get(`Host: ${host}`), 403, host);
  });
  test('is refused when it is only in the Origin', async () => {
    for (const origin of [
      'https://evil.example',
      'null',
      'file://',
      `https://${own}`,
      `http://${own}.evil.example`,
      '',
    ])
      assert.equal(await get(`Host: ${own}`, `Origin: ${origin}`), 403, origin);
  });
  test('cannot hide behind a second header, a folded line or another form of the request', async () => {
    assert.equal(await get(`Host: ${own}`, 'Host: evil.example'), 403);
    assert.equal(await get('Host: evil.example', `Host: ${own}`), 403);
    assert.equal(await get(`Host: ${own}`, ' evil.example'), 400);
    assert.equal(await get(`Host : ${own}`), 400);
    assert.equal(await statusOf([`GET http://evil.example/api/workspaces HTTP/1.1`, `Host: ${own}`]), 400);
    assert.equal(await statusOf(['GET //evil.example/api/workspaces HTTP/1.1', `Host: ${own}`]), 400);
    assert.equal(await statusOf(['GET /api/workspaces HTTP/1.0']), 403);
  });
});

describe('a request that came through a proxy or tunnel', () => {
  const headers = [
    ...['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 127.0.0.1', 'x-forwarded-for:', 'X-Forwarded-Host: localhost'],
    ...['X-Forwarded-Proto: https', 'Forwarded: for=127.0.0.1', 'Via: 1.1 proxy', 'X-Real-IP: 127.0.0.1'],
    ...['CF-Connecting-IP: 192.0.2.1', 'CF-Ray: x', 'CDN-Loop: cloudflare', 'True-Client-IP: 192.0.2.1'],
    ...['Tailscale-User-Login: alice@example.com', 'X-Envoy-External-Address: 192.0.2.1', 'Fly-Client-IP: 192.0.2.1'],
    ...['X-Amzn-Trace-Id: x', 'X-Amz-Cf-Id: x', 'X-Azure-ClientIP: 192.0.2.1', 'Fastly-Client-IP: 192.0.2.1'],
    ...['X-Vercel-Forwarded-For: 192.0.2.1', 'X-Tunnel-Id: x', 'X-ARR-LOG-ID: x', 'Client-IP: 192.0.2.1'],
  ];
  for (const header of headers) {
    test(`shows by ${header}, and is asked for a token`, async () => {
      assert.equal(await get(`Host: ${own}`, header), 401);
    });
  }

  test('is asked for a token behind a proxy that calls the server by its local name', async () => {
    await using proxy = await startProxy(request => ({ ...request, host: own, 'x-forwarded-for': '192.0.2.1' }));
    assert.equal(await statusOf(['GET /api/workspaces HTTP/1.1', 'Host: box.example.com'], proxy.port), 401);
    // Not even a client that has the proxy drop its own headers gets further.
    const asked = ['GET /api/workspaces HTTP/1.1', 'Host: box.example.com', 'Connection: x-forwarded-for'];
    assert.equal(await statusOf(asked, proxy.port), 401);
  });

  test('is refused behind a tunnel that leaves everything as it was, under the name of the tunnel', async () => {
    await using tunnel = await startTunnel();
    assert.equal(
      await statusOf(['GET /api/workspaces HTTP/1.1', 'Host: quiet-otter.tunnel.example'], tunnel.port),
      403,
    );
  });

  test('is asked for a token behind such a tunnel, whatever name it takes on, where the operator wants one always', async () => {
    await using strict = await startTestServer({ auth: { required: true } });
    const { host, port } = new URL(strict.url);
    await using tunnel = await startTunnel(Number(port));
    assert.equal(await statusOf(['GET /api/workspaces HTTP/1.1', `Host: ${host}`], tunnel.port), 401);
  });
});

const listening = async (server: Server) => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    async [Symbol.asyncDispose]() {
      await new Promise(resolve => server.close(resolve));
    },
  };
};

/** Passes bytes on, as `ssh -R` and tunnel services do. */
const startTunnel = (to = Number(own.split(':')[1])) =>
  listening(
    createServer(from => {
      const onward = connect(to, '127.0.0.1');
      from.pipe(onward).pipe(from);
      for (const socket of [from, onward]) socket.on('error', () => socket.destroy());
    }),
  );

/** A reverse proxy with headers as its operator sets them. */
const startProxy = (rewrite: (headers: NodeJS.Dict<string | string[]>) => NodeJS.Dict<string | string[]>) =>
  listening(
    createHttpServer((request, response) => {
      const onward = httpRequest(new URL(request.url ?? '/', server.url), { headers: rewrite(request.headers) });
      onward.on('response', answer => {
        response.writeHead(answer.statusCode ?? 502, { connection: 'close' });
        answer.pipe(response);
      });
      request.pipe(onward);
    }),
  );
