import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { serveLocally } from '../../../test/support/local-server.ts';
import { AppError } from '../../errors/app-error.ts';
import { SharedLimits } from './shared-limits.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

const TOKEN = 'token-0123456789';
const { signal } = new AbortController();
const reads = z.object({ ok: z.boolean() });

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

async function serverOf(t: TestContext, handle: Handle): Promise<string> {
  const server = await serveLocally(handle);
  t.after(() => server.close());
  return server.origin;
}

function upstreamOf(baseUrl: string, options: Partial<UpstreamOptions> = {}): Upstream {
  return new Upstream({
    service: {
      provider: 'example',
      title: 'Example',
      apiError: 'CODER_API_ERROR',
      tokenVariable: 'EXAMPLE_TOKEN',
    },
    baseUrl,
    token: TOKEN,
    authorization: token => ({ 'x-token': token }),
    timeoutMs: 5000,
    retries: { most: 3, firstMs: 1, mostMs: 10 },
    retriesTimeouts: true,
    rules: { windows: {}, breaker: { failures: 2, openMs: 60_000 } },
    shared: new SharedLimits(),
    ...options,
  });
}

const answer = (response: ServerResponse, body: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

test('a redirect to another origin is not followed, and the token never gets there', async t => {
  const seen: unknown[] = [];
  const elsewhere = await serverOf(t, (request, response) => {
    seen.push(request.headers);
    answer(response, { ok: true });
  });
  const origin = await serverOf(t, (_, response) => {
    response.writeHead(302, { location: `${elsewhere}/stolen` }).end();
  });
  await assert.rejects(upstreamOf(origin).request({ method: 'GET', path: '/a', reads, signal }), {
    code: 'CODER_API_ERROR',
    message: /^Example API error: 302 - a redirect that is not followed/,
  });
  assert.deepEqual(seen, []);
});

test('a redirect within the origin is followed, below the path of the base URL too', async t => {
  const origin = await serverOf(t, (request, response) => {
    if (request.url === '/base/a?q=1') response.writeHead(307, { location: '/b' }).end();
    else answer(response, { ok: request.url === '/b' && request.headers['x-token'] === TOKEN });
  });
  const upstream = upstreamOf(`${origin}/base/`);
  assert.deepEqual(await upstream.request({ method: 'GET', path: '/a', query: { q: 1 }, reads, signal }), { ok: true });
});

test('each redirect that is followed counts as a request', async t => {
  let asked = 0;
  const origin = await serverOf(t, (request, response) => {
    asked += 1;
    if (request.url === '/a') response.writeHead(307, { location: '/b' }).end();
    else answer(response, { ok: true });
  });
  const rules = { windows: { all: { requests: 3, perMs: 60_000 } }, breaker: { failures: 2, openMs: 60_000 } };
  const upstream = upstreamOf(origin, { rules, mostWaitMs: 10 });
  const ask = () => upstream.request({ method: 'GET', path: '/a', reads, signal });
  assert.deepEqual(await ask(), { ok: true });
  await assert.rejects(ask(), { code: 'RATE_LIMITED' });
  assert.equal(asked, 3);
});

test('an answer without end and a redirect without end are given up', async t => {
  const origin = await serverOf(t, (request, response) => {
    if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else response.end(JSON.stringify({ ok: true, padding: 'x'.repeat(5000) }));
  });
  const upstream = upstreamOf(origin, { maxBytes: 1000 });
  await assert.rejects(upstream.request({ method: 'GET', path: '/large', reads, signal }), {
    message: 'Example API error: 200 - the answer is too large',
  });
  await assert.rejects(upstream.request({ method: 'GET', path: '/loop', reads, signal }), /302/);
});

test('an empty answer is read as undefined', async t => {
  const origin = await serverOf(t, (_, response) => response.writeHead(204).end());
  const upstream = upstreamOf(origin);
  const request = { method: 'POST', path: '/', body: {}, signal } as const;
  assert.equal(await upstream.request({ ...request, reads: z.undefined() }), undefined);
  await assert.rejects(upstream.request({ ...request, reads }), /field body (is missing|cannot be read)/);
});

test('what changes something is repeated on 429 only, what is safe also when the service is away', async t => {
  const statuses = [429, 503, 200];
  const asked: string[] = [];
  const origin = await serverOf(t, (request, response) => {
    asked.push(request.method ?? '');
    answer(response, { ok: true }, statuses[asked.length - 1] ?? 200);
  });
  const request = { path: '/', reads, signal } as const;
  await assert.rejects(upstreamOf(origin).request({ ...request, method: 'POST', body: {} }), /503/);
  assert.deepEqual(asked, ['POST', 'POST']);
  asked.length = 0;
  assert.deepEqual(await upstreamOf(origin).request({ ...request, method: 'POST', body: {}, isSafe: true }), {
    ok: true,
  });
  assert.deepEqual(asked, ['POST', 'POST', 'POST']);
});

test('a service that is away is asked no more for a while, and that is told', async t => {
  let asked = 0;
  const origin = await serverOf(t, (_, response) => {
    asked += 1;
    answer(response, { message: 'down' }, 503);
  });
  const upstream = upstreamOf(origin, { retries: { most: 0, firstMs: 1, mostMs: 1 } });
  const ask = () => upstream.request({ method: 'GET', path: '/', reads, signal });
  for (let at = 0; at < 2; at++) await assert.rejects(ask(), /Example API error: 503 - down/);
  assert.equal(upstream.status().state, 'open');
  await assert.rejects(ask(), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'NETWORK_ERROR');
    assert.match(error.message, /503 - down; not asked again before \d+ s are over/);
    return true;
  });
  assert.equal(asked, 2);
});

test('a refusal says that the service is there', async t => {
  const origin = await serverOf(t, (_, response) => answer(response, { message: 'no' }, 404));
  const upstream = upstreamOf(origin);
  for (let at = 0; at < 5; at++)
    await assert.rejects(upstream.request({ method: 'GET', path: '/', reads, signal }), /404 - no/);
  assert.equal(upstream.status().state, 'closed');
});

test('what the service says is told in one line of at most 500 characters', async t => {
  const origin = await serverOf(t, (_, response) => answer(response, { message: `a\n b ${'x'.repeat(900)}` }, 400));
  await assert.rejects(upstreamOf(origin).request({ method: 'GET', path: '/', reads, signal }), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.match(error.message, /^Example API error: 400 - a b x+…$/);
    assert.equal(error.message.length, 'Example API error: 400 - '.length + 500);
    return true;
  });
});
