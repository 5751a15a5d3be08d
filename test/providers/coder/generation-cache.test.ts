import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { coderService } from '../../../src/providers/coder/failures.ts';
import { type ApiChoice, Generations } from '../../../src/providers/coder/generations.ts';
import { SharedLimits } from '../../../src/providers/http/shared-limits.ts';
import { Upstream } from '../../../src/providers/http/upstream.ts';
import { startFakeCoder } from '../../support/fake-coder/fake-coder.ts';
import { coderUnderTest } from './coder-under-test.ts';

async function generationsOf(t: TestContext, api: ApiChoice, now: () => number = Date.now) {
  const fake = await startFakeCoder({ generation: { tasks: 'v2', chats: 'experimental' } });
  t.after(() => fake.close());
  const upstream = new Upstream({
    service: coderService,
    baseUrl: fake.origin,
    token: fake.token,
    authorization: token => ({ 'coder-session-token': token }),
    timeoutMs: 10_000,
    retries: { most: 0, firstMs: 1, mostMs: 1 },
    retriesTimeouts: true,
    rules: { windows: {}, breaker: { failures: 5, openMs: 5000 } },
    shared: new SharedLimits(),
  });
  return { fake, generations: new Generations({ upstream, api, now }) };
}

test('what a server has is known for ten minutes, and then asked again', async t => {
  let now = 0;
  const { fake, generations } = await generationsOf(t, 'auto', () => now);
  const first = await generations.current(t.signal);
  assert.deepEqual(first.generation, { tasks: '/api/v2/tasks', chats: '/api/experimental/chats' });
  const asked = fake.count();
  now = 599_999;
  await generations.current(t.signal);
  const again = fake.requests.slice(asked).map(({ pathname }) => pathname);
  assert.deepEqual(again, ['/api/v2/chats'], 'only what it lacked');
  fake.upgrade({ tasks: null, chats: 'v2' });
  now = 600_001;
  assert.deepEqual((await generations.current(t.signal)).generation, { tasks: null, chats: '/api/v2/chats' });
});

test('a choice in the configuration is not looked beyond', async t => {
  const chosen = [
    ['tasks-v2', { tasks: '/api/v2/tasks', chats: null }],
    ['chats', { tasks: null, chats: '/api/experimental/chats' }],
  ] as const;
  for (const [api, generation] of chosen) {
    const { fake, generations } = await generationsOf(t, api);
    assert.deepEqual((await generations.current(t.signal)).generation, generation);
    assert.ok(fake.requests.every(({ pathname }) => pathname.includes(api === 'chats' ? 'chats' : 'v2/tasks')));
  }
  const { generations } = await generationsOf(t, 'tasks-experimental');
  await assert.rejects(generations.current(t.signal), {
    code: 'CODER_API_ERROR',
    message: /none of tasks-experimental/,
  });
});

test('what is not there has the server asked once more, and is told as it was when that shows nothing new', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  await provider.list({ includeInactive: false, signal });
  const before = fake.count('get /api/v2/tasks');
  await assert.rejects(provider.get({ user: 'alice', id: 'nobody' }, { signal }), { code: 'AGENT_NOT_FOUND' });
  assert.equal(fake.count('get /api/v2/tasks'), before + 1);
});

test('a thousand agents are listed with one request, a thousand chats with those for the names of their workspaces too', async t => {
  const tasks = await coderUnderTest(t);
  for (let index = 0; index < 1000; index++) tasks.add('busy');
  assert.equal((await tasks.provider.list({ includeInactive: false, signal: t.signal })).length, 1000);
  const before = tasks.fake.count();
  await tasks.provider.list({ includeInactive: false, signal: t.signal });
  assert.equal(tasks.fake.count(), before + 1);
  const chats = await coderUnderTest(t, { generation: { tasks: null, chats: 'experimental' } });
  for (let index = 0; index < 1000; index++) chats.add('busy');
  const listed = await chats.provider.list({ includeInactive: false, signal: t.signal });
  assert.ok(listed.every(({ workspaceName }) => workspaceName !== null));
  assert.equal(new Set(listed.map(({ workspaceName }) => workspaceName)).size, 1000);
  const known = chats.fake.count();
  await chats.provider.list({ includeInactive: false, signal: t.signal });
  assert.equal(chats.fake.count(), known + 1);
});

test('a server that gains chats, or newer tasks, and keeps what it had is followed within one minute', async t => {
  let now = 0;
  const { fake, provider, signal } = await coderUnderTest(t, {
    generation: { tasks: 'experimental', chats: null },
    now: () => now,
  });
  fake.fleet.addTask();
  const kinds = async () =>
    (await provider.list({ includeInactive: false, signal })).map(({ metadata }) => metadata.kind).sort();
  assert.deepEqual(await kinds(), ['task']);
  const before = fake.count();
  await kinds();
  assert.equal(fake.count(), before + 1, 'what is known is not asked again at once');
  fake.fleet.addChat();
  fake.upgrade({ tasks: 'v2', chats: 'experimental' });
  now = 59_000;
  assert.deepEqual(await kinds(), ['chat', 'task']);
  const found = fake.requests.slice(before + 1).filter(({ status }) => status === 200);
  const paths = new Set(found.map(({ pathname }) => pathname));
  assert.ok(paths.has('/api/v2/tasks') && paths.has('/api/experimental/chats'));
  assert.ok(!paths.has('/api/experimental/tasks'), 'the newer ones are used instead');
});

test('a server that loses nothing and gains nothing is asked for more at most twice a minute, by one of all who call', async t => {
  let now = 0;
  const { fake, generations } = await generationsOf(t, 'auto', () => now);
  fake.upgrade({ tasks: 'v2', chats: null });
  await generations.current(t.signal);
  const probed = fake.count();
  now = 30_000;
  const found = await Promise.all(Array.from({ length: 20 }, () => generations.current(t.signal)));
  for (const { generation } of found) assert.deepEqual(generation, { tasks: '/api/v2/tasks', chats: null });
  assert.equal(fake.count(), probed + 2, 'chats are looked for in both places, once');
});

test('a look for more that fails leaves what is known in use', async t => {
  let now = 0;
  const { fake, generations } = await generationsOf(t, 'auto', () => now);
  fake.upgrade({ tasks: 'v2', chats: null });
  await generations.current(t.signal);
  fake.always({ status: 503 });
  now = 30_000;
  assert.equal((await generations.current(t.signal)).generation.tasks, '/api/v2/tasks');
  const asked = fake.count();
  await generations.current(t.signal);
  assert.equal(fake.count(), asked, 'and is not repeated at once');
  fake.always();
});
