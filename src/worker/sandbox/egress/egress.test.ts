import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as startRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterLast, beforeFirst } from '../../../../test/support/around-tests.ts';
import { type Egress, type EgressOptions, startEgress } from './egress.ts';
import type { Connection } from './passage.ts';

let directory: string;
let count = 0;
const started: { close(): unknown }[] = [];

beforeFirst(async () => {
  directory = await mkdtemp(join(tmpdir(), 'egress-test-'));
});
afterLast(async () => {
  for (const each of started) await each.close();
  await rm(directory, { recursive: true });
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.push({ close: () => server.close() });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port }: AddressInfo = address;
  return port;
}

const webServer = (handler: (request: IncomingMessage) => string = () => 'hello') =>
  listening(createServer((request, reply) => reply.end(handler(request))));

async function proxy(options: Partial<EgressOptions> = {}) {
  count += 1;
  const seen: Connection[] = [];
  const socketPath = join(directory, `s${count}`);
  const egress = await startEgress({
    socketPath,
    rules: [],
    privateHosts: [],
    onConnection: connection => seen.push(connection),
    ...options,
  });
  started.push(egress);
  return { egress, seen, socketPath };
}

/** What comes back for these bytes, up to the end. */
async function raw(socketPath: string, text: string): Promise<string> {
  const socket = connect(socketPath);
  socket.write(Buffer.from(text, 'latin1'));
  return textOf(socket);
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

const get = (socketPath: string, url: string, extra = '') =>
  raw(socketPath, `GET ${url} HTTP/1.1\r\nHost: x\r\n${extra}\r\n`);

const local = (port: number) => ({ rules: [{ host: '127.0.0.1', port }], privateHosts: [`127.0.0.1:${port}`] });

/** The socket of a tunnel that stands. */
async function tunnelTo(socketPath: string, target: string): Promise<Socket> {
  const request = startRequest({ socketPath, method: 'CONNECT', path: target });
  request.end();
  return new Promise((resolve, reject) => {
    request.once('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) resolve(socket);
      else reject(new Error(`status ${statusCode}`));
    });
    request.once('error', reject);
  });
}

describe('requests in absolute form', () => {
  test('an allowed host is reached, with the host that was asked for and without headers of the hop', async () => {
    const port = await webServer(({ headers, url }) => JSON.stringify({ headers, url }));
    const { socketPath, seen, egress } = await proxy(local(port));
    const headers = 'Proxy-Authorization: secret\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nX-End: 2\r\n';
    const answer = await get(socketPath, `http://127.0.0.1:${port}/a?b=1`, headers);
    assert.match(answer, /^HTTP\/1.1 200/);
    const body = JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '');
    assert.equal(body.url, '/a?b=1');
    assert.deepEqual(body.headers, { host: `127.0.0.1:${port}`, connection: 'close', 'x-end': '2' });
    await egress.close();
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.allowed, true);
    assert.ok((seen[0]?.bytes ?? 0) > 100);
  });

  test('a body is passed on whole, with its length and in chunks', async () => {
    const server = createServer((request, reply) => void textOf(request).then(text => reply.end(`got ${text.length}`)));
    const port = await listening(server);
    const { socketPath } = await proxy(local(port));
    for (const headers of [{ 'content-length': 100_000 }, {}]) {
      const request = startRequest({ socketPath, method: 'POST', path: `http://127.0.0.1:${port}/`, headers });
      request.end('x'.repeat(100_000));
      const [response] = await once(request, 'response');
      assert.equal(await textOf(response), 'got 100000');
    }
  });

  test('a host off the list is refused with what is allowed', async () => {
    const { socketPath, seen, egress } = await proxy({ rules: [{ host: 'api.example.com', port: 443 }] });
    const mark = egress.mark();
    const answer = await get(socketPath, 'http://evil.example/');
    assert.match(answer, /^HTTP\/1.1 403/);
    assert.match(answer, /host evil.example:80 is not allowed: .*; allowed: api.example.com:443; ask the operator/);
    const denied = { host: 'evil.example', port: 80, reason: 'is not on the list of allowed hosts' };
    assert.deepEqual(egress.deniedSince(mark), [denied]);
    assert.deepEqual(seen, [{ ...denied, allowed: false, bytes: 0 }]);
  });

  test('a second request on the same connection gets no answer of its host', async () => {
    const asked: string[] = [];
    const port = await webServer(({ url = '' }) => {
      asked.push(url);
      return 'ok';
    });
    const { socketPath } = await proxy(local(port));
    const one = `GET http://127.0.0.1:${port}/1 HTTP/1.1\r\nHost: x\r\n\r\n`;
    await raw(socketPath, one + one.replace('/1 ', '/2 '));
    assert.deepEqual(asked, ['/1']);
  });

  test('heads that can be read in two ways never reach the host', async () => {
    const asked: string[] = [];
    const port = await webServer(({ url = '' }) => {
      asked.push(url);
      return 'ok';
    });
    const { socketPath, seen } = await proxy(local(port));
    const url = `http://127.0.0.1:${port}/`;
    const heads = [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Content-Length: 5\r\nContent-Length: 6\r\n',
      'Host: y\r\n',
      'Transfer-Encoding: gzip, chunked\r\n',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
      ' folded: x\r\n',
      `${Array.from({ length: 150 }, (_, at) => `x${at}: 1`).join('\r\n')}\r\n`,
      `x: ${'y'.repeat(20_000)}\r\n`,
    ];
    for (const head of heads) {
      const answer = await raw(socketPath, `POST ${url} HTTP/1.1\r\nHost: x\r\n${head}\r\n0\r\n\r\n`);
      assert.match(answer, /^HTTP\/1.1 4(?:00|31)/, JSON.stringify(head));
    }
    assert.deepEqual(asked, []);
    assert.ok(seen.some(({ reason }) => reason === 'has a head that is too large'));
  });

  test('names that other programs read otherwise are refused before they are matched', async () => {
    const lookups: string[] = [];
    const { socketPath, egress } = await proxy({
      rules: [
        { host: '*.example.com', port: 80 },
        { host: 'example.com', port: 80 },
        { host: '2130706433', port: 80 },
        { host: '0x7f000001', port: 80 },
        { host: '127.0.0.1', port: 80 },
      ],
      lookup: async host => {
        lookups.push(host);
        return ['127.0.0.1'];
      },
    });
    const names = [
      'evil.net%00.example.com',
      'evil.net\0.example.com',
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      'user@example.com',
      'example.com:80@evil.net',
      'example.com.',
      'a..example.com',
      'ex\u00e4mple.com',
      'evil.net#.example.com',
      'evil.net\\.example.com',
      'a_b.example.com',
    ];
    for (const name of names) {
      const answer = await get(socketPath, `http://${name}/`);
      assert.match(answer, /^HTTP\/1.1 40[03]/, name);
      const tunnelled = await raw(socketPath, `CONNECT ${name}:80 HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.match(tunnelled, /^HTTP\/1.1 40[03]/, name);
    }
    assert.deepEqual(lookups, []);
    assert.ok(egress.deniedSince(0).length > 10);
  });

  test('a name that resolves to a private address is refused, whatever else it resolves to', async () => {
    const answers = [
      ['127.0.0.1'],
      ['93.184.216.34', '10.0.0.1'],
      ['169.254.169.254'],
      ['::ffff:127.0.0.1'],
      ['fd00::1'],
    ];
    const { socketPath } = await proxy({
      rules: [{ host: 'rebind.example.com', port: 80 }],
      lookup: async () => answers.shift() ?? [],
    });
    for (let left = answers.length; left > 0; left -= 1) {
      const answer = await get(socketPath, 'http://rebind.example.com/');
      assert.match(answer, /403.*rebind.example.com:80 is not allowed: it resolves to an address that is not public/s);
    }
  });

  test('a name is resolved once, and that address is dialled', async () => {
    const port = await webServer();
    let lookups = 0;
    const { socketPath } = await proxy({
      rules: [{ host: 'index.internal', port }],
      privateHosts: [`index.internal:${port}`],
      lookup: async () => {
        lookups += 1;
        return lookups === 1 ? ['127.0.0.1'] : ['127.0.0.2'];
      },
    });
    assert.match(await get(socketPath, `http://index.internal:${port}/`), /hello/);
    assert.equal(lookups, 1);
  });

  test('a private host still needs a rule', async () => {
    const port = await webServer();
    const { socketPath } = await proxy({ privateHosts: [`127.0.0.1:${port}`] });
    assert.match(await get(socketPath, `http://127.0.0.1:${port}/`), /403/);
  });
});

describe('tunnels', () => {
  const echoServer = () => listening(createTcpServer(socket => void socket.on('error', () => {}).pipe(socket)));

  test('carry bytes both ways and count them', async () => {
    const port = await echoServer();
    const { socketPath, seen, egress } = await proxy(local(port));
    const socket = await tunnelTo(socketPath, `127.0.0.1:${port}`);
    socket.end('ping');
    assert.equal(await textOf(socket), 'ping');
    await egress.close();
    assert.deepEqual(seen, [{ host: '127.0.0.1', port, allowed: true, reason: '', bytes: 8 }]);
  });

  test('end with the call that opened their host', async () => {
    const port = await echoServer();
    const { socketPath, egress } = await proxy({ privateHosts: [`127.0.0.1:${port}`] });
    await assert.rejects(tunnelTo(socketPath, `127.0.0.1:${port}`), /403/);
    const opened = egress.allow([{ host: '127.0.0.1', port }]);
    const socket = await tunnelTo(socketPath, `127.0.0.1:${port}`);
    opened[Symbol.dispose]();
    assert.equal(await textOf(socket), '');
    await assert.rejects(tunnelTo(socketPath, `127.0.0.1:${port}`), /403/);
  });

  test('a client that sends its head too slowly is cut off', async () => {
    const { socketPath, seen } = await proxy({ timeouts: { headMs: 50 } });
    const socket = connect(socketPath);
    socket.write('GET http://a.example/ HTTP/1.1\r\nX: ');
    assert.match(await textOf(socket), /^HTTP\/1.1 408/);
    assert.equal(seen[0]?.reason, 'came too slowly');
  });

  test('the socket can be used by any user of its directory', async () => {
    const { socketPath } = await proxy();
    assert.equal((await stat(socketPath)).mode & 0o777, 0o666);
  });
});

describe('tunnels to port 443', () => {
  /** TLS needs port 443 in the request, so names lead to an address of loopback where a test server holds that port. */
  async function tlsProxy(): Promise<{ egress: Egress; socketPath: string; seen: Connection[] } | undefined> {
    const [key, cert] = await certificate();
    const server = createTlsServer({ key, cert }, (_, reply) => reply.end('secure'));
    server.listen(443, '127.83.7.1');
    await once(server, 'listening');
    started.push({ close: () => server.close() });
    return proxy({
      rules: [{ host: 'secure.example.com', port: 443 }],
      privateHosts: ['secure.example.com:443'],
      lookup: async () => ['127.83.7.1'],
    });
  }

  test('pass when the TLS name is the host asked for, and are refused when it is another or none', async t => {
    if (process.getuid?.() !== 0) return t.diagnostic('only root may listen on port 443');
    const made = await tlsProxy();
    assert.ok(made);
    const { socketPath, egress } = made;
    const open = async (servername: string | undefined) => {
      const socket = await tunnelTo(socketPath, 'secure.example.com:443');
      const secure = connectTls({ socket, servername, rejectUnauthorized: false });
      secure.end('GET / HTTP/1.0\r\n\r\n');
      return textOf(secure);
    };
    assert.match(await open('secure.example.com'), /secure$/);
    await assert.rejects(open('other.example.com'), /unrecognized|alert/i);
    await assert.rejects(open(undefined), /unrecognized|alert/i);
    const plain = await tunnelTo(socketPath, 'secure.example.com:443');
    plain.end('GET / HTTP/1.1\r\n\r\n');
    await textOf(plain);
    assert.deepEqual(
      egress.deniedSince(0).map(({ reason }) => reason),
      [
        'was asked for, but the TLS handshake names other.example.com',
        'was not named in the TLS handshake',
        'was not spoken to in TLS',
      ],
    );
  });
});

async function certificate(): Promise<[Buffer, Buffer]> {
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const wanted = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await promisify(execFile)('openssl', ['req', '-x509', ...wanted, '-subj', '/CN=t', '-keyout', key, '-out', cert]);
  return [await readFile(key), await readFile(cert)];
}
