import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { publicRoutes } from './fuzz/public-routes.ts';

/** One that nobody needs to be known for. */
const OPEN = /^\/(?:\.well-known|oauth)\//;

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
beforeFirst(async () => {
  scratch = await scratchDirectory();
  server = await startServer({ directory: scratch.path });
});
afterLast(async () => {
  await server?.stop();
  await scratch.remove();
});

const routes = publicRoutes().map(({ method, path }) => ({ method, path: path.replaceAll(/:\w+/g, 'x') }));

/** The status that a request gets whose headers are these and no others. */
function statusOf(
  { method, path }: { method: string; path: string },
  headers: Record<string, string>,
): Promise<number> {
  const { port, host } = new URL(server.url);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers: { host, ...headers } }, response => {
    response.destroy();
    resolve(response.statusCode ?? 0);
  });
  sent.on('error', reject).end();
  return promise;
}

/** Those that answer with another status than the expected one. */
async function others(expected: number, asked: (route: (typeof routes)[number]) => Promise<number>): Promise<string[]> {
  const found: string[] = [];
  for (const route of routes) {
    const status = await asked(route);
    if (status !== expected) found.push(`${route.method} ${route.path}: ${status}`);
  }
  return found;
}

test('a page whose name was bound again to this machine (DNS rebinding) gets nothing from any route', async () => {
  const { port } = new URL(server.url);
  const evil = `rebound.evil.example:${port}`;
  assert.deepEqual(await others(403, route => statusOf(route, { host: evil })), []);
  assert.deepEqual(await others(403, route => statusOf(route, { host: evil, origin: `http://${evil}` })), []);
});

test('a page of another origin gets nothing from any route', async () => {
  assert.deepEqual(await others(403, route => statusOf(route, { origin: 'https://evil.example' })), []);
  assert.deepEqual(await others(403, route => statusOf(route, { origin: 'null' })), []);
});

test('a token in the query is accepted by no route', async () => {
  const withToken = (route: (typeof routes)[number]) =>
    statusOf({ ...route, path: `${route.path}?access_token=bxs_x` }, { 'x-forwarded-for': '192.0.2.1' });
  const found = await others(400, withToken);
  // Hooks and contents of workers have tokens of their own, and look for them nowhere else.
  assert.deepEqual(
    found.filter(one => !/ \/api\/hooks\/claude: 40[15]$/.test(one)),
    [],
  );
});

test('what came through a proxy without a token is answered by no route but those for strangers', async () => {
  const found = await others(401, route => statusOf(route, { 'x-forwarded-for': '192.0.2.1' }));
  const isMeant = (one: string) => OPEN.test(one.split(' ')[1] ?? '') || one === 'GET /api/hooks/claude: 405';
  assert.deepEqual(
    found.filter(one => !isMeant(one)),
    [],
  );
});
