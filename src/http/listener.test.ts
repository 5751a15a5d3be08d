import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Hono } from 'hono';
import { admissionPolicy } from '../auth/admission.ts';
import { silentLog } from '../log/log.ts';
import { Guard } from './guard.ts';
import { createListener } from './listener.ts';
import type { Bindings } from './routes/context.ts';

test('a body that takes too long is cut, unless it is a content of a worker', async () => {
  const api = new Hono<{ Bindings: Bindings }>();
  api.onError((_error, context) => context.text('cut', 400));
  const blobRoutes = new Hono();
  blobRoutes.put('/internal/blobs/x', async context => context.text(`got ${await context.req.text()}`));
  const listener = createListener({
    mcp: { fetch: async () => new Response() },
    api: api.post('/slow', async context => context.text(await context.req.text())),
    callOperation: async () => {},
    blobRoutes,
    hookRoutes: new Hono(),
    bodyTimeoutMs: 50,
    guard: new Guard({ authenticator: undefined, isTokenRequired: false, publicUrl: undefined, log: silentLog }),
    log: silentLog,
    maxBodyBytes: 1000,
    transport: 'tcp',
    policy: () => admissionPolicy({ address: '127.0.0.1', port, allowedHosts: [], allowedOrigins: [] }),
  });
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const { port } = bound;
  const begin = (line: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`${line} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\ncontent-length: 4\r\n\r\nha`);
    return socket;
  };
  const blob = begin('PUT /internal/blobs/x');
  // Ends only because it is cut: its body never does.
  await text(begin('POST /slow')).catch(() => {});
  blob.write('lf');
  assert.match(await text(blob), /^HTTP\/1.1 200 .*got half/s);
  server.close();
});
