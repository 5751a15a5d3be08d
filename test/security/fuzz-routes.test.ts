import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { errorCodes, isErrorCode } from '../../src/errors/codes.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { eventually } from '../support/eventually.ts';
import { footprint } from '../support/leftovers.ts';
import { memoryOf, tellingMemory } from '../support/memory.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { documentedPaths, isAmong, type PublicRoute, publicRoutes } from './fuzz/public-routes.ts';
import { type Shot, shotAt } from './fuzz/shots.ts';
import { fire, type Reply } from './fuzz/wire.ts';

/** The long form goes on for so long; the short one asks each route so often. */
const SECONDS = Number(process.env.BOXSWAIN_FUZZ_SECONDS ?? 0);
const ROUNDS = 4;
const SEED = Number(process.env.BOXSWAIN_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const AT_ONCE = 8;
const WAIT_MS = 30_000;
/** Boxes that requests may come to have; more are refused. */
const SLOTS = 2;
/** Above what the first requests left alive: caches that fill, records that are kept, code that was compiled since. */
const MAX_GROWTH_BYTES = 48 * 1_048_576;
const MAX_DESCRIPTORS_MORE = 40;

const INTERNALS = /node_modules|\.ts:\d+|at async |\/src\/|Cannot read prop|is not a function|SQLITE_/;
/** 5xx that tell of what was not set up or is not here, and which asking again does not mend. */
const STANDING = new Set(['NOT_CONFIGURED', 'PROVIDER_NOT_CONFIGURED', 'AGENT_UNAVAILABLE']);
/** Routes that may answer only when something happens, or the caller's own time has passed. */
const MAY_HOLD = /^\/(?:sse|mcp|api\/(?:operations|events|sessions)\b)/;

const routes = publicRoutes();
let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let server: RunningServer;
let token: string;
const handles: string[] = [];

beforeFirst(async () => {
  scratch = await scratchDirectory();
  const [home, config] = [join(scratch.path, 'home'), join(scratch.path, 'config.json')];
  await mkdir(home);
  await writeFile(config, JSON.stringify({ sessions: { agents: { scripted: {} } } }));
  server = await startServer({
    directory: join(scratch.path, 'data'),
    args: ['--config', config],
    env: {
      // Of agents only the scripted one: requests may ask for any.
      ...{ HOME: home, PATH: '/usr/bin:/bin' },
      BOXSWAIN_AUTH_SERVER_ENABLED: 'true',
      BOXSWAIN_HTTP_PUBLIC_URL: 'https://box.example.com',
      BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
      BOXSWAIN_WORKER_SLOTS: String(SLOTS),
      BOXSWAIN_SESSIONS_ROOTS: scratch.path,
      BOXSWAIN_LIMITS_CALLS_PER_MINUTE: '1000000',
      ...tellingMemory(memoryFile()),
    },
  });
  const scopes = ['sandbox:write', 'sessions:write', 'fleet:read'];
  token = z.object({ token: z.string() }).parse(await locally('/api/tokens', { name: 'fuzz', scopes })).token;
  const make = async (handle: string, operation: string, args: object) => {
    const output = z.record(z.string(), z.unknown()).parse(await locally(`/api/operations/${operation}`, args));
    handles.push(z.string().parse(output[handle], { error: () => `${operation}: ${JSON.stringify(output)}` }));
  };
  for (let made = 0; made < SLOTS; made++) await make('workspace_id', 'workspace_create', {});
  await make('artifact_id', 'artifact_upload', { workspace_id: handles[0], name: 'a', content: 'x' });
  await make('sessionId', 'create_session', { agent: 'scripted', cwd: home });
});
afterLast(async () => {
  await server?.stop();
  await scratch.remove();
});

async function locally(path: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const sent = request({ socketPath: join(scratch.path, 'data', 'hub.sock'), method: 'POST', path, headers });
  sent.end(JSON.stringify(body));
  const [response] = await once(sent, 'response');
  return JSON.parse(await text(response));
}

test('every documented route is among those that are fuzzed', async () => {
  const documented = await documentedPaths();
  assert.ok(documented.length > 50 && routes.length > 150);
  assert.deepEqual(
    documented.filter(path => !isAmong(path, routes)),
    [],
  );
});

test(`requests with anything in them are answered in order, by every route (seed ${SEED})`, async context => {
  context.diagnostic(`BOXSWAIN_FUZZ_SEED=${SEED}`);
  const counts = new Map<string, number>();
  let next = 0;
  let slowest: { readonly number: number; readonly ms: number }[] = [];
  const upTo = async (hasMore: () => boolean) => {
    const worker = async () => {
      while (hasMore()) {
        const number = next++;
        const begun = Date.now();
        const outcome = await one(number);
        slowest = [...slowest, { number, ms: Date.now() - begun }].sort((a, b) => b.ms - a.ms).slice(0, 3);
        counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  await upTo(() => next < routes.length);
  const before = await settledFootprint();
  const until = Date.now() + SECONDS * 1_000;
  await upTo(SECONDS > 0 ? () => Date.now() < until : () => next < routes.length * ROUNDS);

  const alive = await fetch(new URL('/healthz', server.url), { signal: AbortSignal.timeout(WAIT_MS) });
  assert.equal(alive.status, 200);
  assert.deepEqual(faultsIn(server.log()), []);
  const pid = pidOf(server);
  await eventually(async () => (await footprint(pid)).descriptors <= before.descriptors + MAX_DESCRIPTORS_MORE, 30_000);
  const now = await memoryOf(pid, memoryFile());
  const [grownBytes, residentBytes] = [now.liveBytes - before.liveBytes, now.residentBytes - before.residentBytes];
  assert.ok(grownBytes < MAX_GROWTH_BYTES, `${grownBytes} bytes more than after the first ${routes.length} requests`);
  const told = [...counts].sort().map(([outcome, count]) => `${outcome}: ${count}`);
  context.diagnostic(
    `${next} requests to ${routes.length} routes; ${told.join(', ')}; grew by ${grownBytes} bytes, resident by ${residentBytes}`,
  );
  for (const { number, ms } of slowest) context.diagnostic(`request ${number} to ${nameOf(number)} took ${ms} ms`);
  assert.ok((counts.get('200') ?? 0) > 0 && (counts.get('400') ?? 0) > 0);
});

const routeOf = (number: number): PublicRoute => routes[number % routes.length] ?? assert.fail('there are no routes');

const nameOf = (number: number): string => `${routeOf(number).method} ${routeOf(number).path}`;

/** Sends the request of this number, which is the same for the same seed, and holds the answer to what must be true of all. */
async function one(number: number): Promise<string> {
  const route = routeOf(number);
  const [drawn] = fc.sample(fc.tuple(shotAt(route, handles), fc.nat(19)), { seed: SEED + number, numRuns: 1 });
  const [plain, dice] = drawn ?? assert.fail();
  const shot = { ...plain, headers: [...plain.headers, ...credentials(route, dice)] };
  const reply = await fire(server.url, shot, { waitMs: WAIT_MS });
  const told = `request ${number} of seed ${SEED}, ${asText(shot)}: ${reply.head} ${reply.body.slice(0, 1_000)}`;
  assert.equal(server.child.exitCode, null, `the server ended: ${server.log().slice(-2_000)} after ${told}`);
  const { status, body, isHeld } = reply;
  assert.ok(!isHeld || status === undefined, `the connection stayed open after the answer to ${told}`);
  if (isHeld) assert.match(shot.target, MAY_HOLD, `no answer within ${WAIT_MS} ms to ${told}`);
  if (status === undefined) assert.ok(isHeld || mayGoUnanswered(shot), `no answer to ${told}`);
  assert.doesNotMatch(body, INTERNALS, told);
  assert.ok(!body.includes(token), told);
  if (status !== undefined && status >= 500) assert.ok(isOrderly(reply), `${status} to ${told}`);
  return status === undefined ? (isHeld ? 'held' : 'closed') : String(status);
}

/** Mostly those of the user of this machine. Who may restart the server would. */
function credentials({ path }: PublicRoute, dice: number): readonly (readonly [string, string])[] {
  if (dice < 4 || path === '/api/server/restart') return [['authorization', `Bearer ${token}`]];
  if (dice === 4) return [['authorization', 'Bearer bxs_nonsense']];
  return dice === 5 ? [['x-forwarded-for', '192.0.2.1']] : [];
}

/** A request that contradicts itself or breaks off may just be cut. */
const mayGoUnanswered = ({ framing, method }: Shot): boolean =>
  method === 'CONNECT' || !['length', 'chunked', 'none'].includes(framing);

/** A 5xx is right only where the table of errors has it for what is not this server's fault, and says when to come back. */
function isOrderly({ status, head, body }: Reply): boolean {
  if (status === 503 && /^retry-after: \d/im.test(head)) return true;
  const code = /"code": ?"([A-Z_]+)"/.exec(body)?.[1] ?? '';
  return STANDING.has(code) && isErrorCode(code) && errorCodes[code].http === status;
}

const asText = ({ method, target, headers, body, framing }: Shot): string =>
  `${method} ${target.slice(0, 500)} ${JSON.stringify(headers.filter(([name]) => name !== 'authorization'))} ` +
  `(${framing}) ${JSON.stringify(body.toString('latin1').slice(0, 1_000))}`;

const memoryFile = (): string => join(scratch.path, 'memory.json');

const pidOf = ({ child }: RunningServer): number => child.pid ?? assert.fail('the server has no process');

/** Once the connections of the first requests are gone. */
async function settledFootprint() {
  const look = () => footprint(pidOf(server));
  let last = await look();
  await eventually(async () => {
    const now = await look();
    const isSteady = Math.abs(now.descriptors - last.descriptors) <= 2;
    last = now;
    return isSteady;
  }, 30_000);
  return { descriptors: last.descriptors, ...(await memoryOf(pidOf(server), memoryFile())) };
}

/** Lines that tell of a fault, and all that is no line of the log. */
function faultsIn(log: string): string[] {
  const level = z.looseObject({ level: z.number() });
  return log.split('\n').filter(line => {
    if (line === '') return false;
    try {
      return level.parse(JSON.parse(line)).level >= 50;
    } catch {
      return true;
    }
  });
}
