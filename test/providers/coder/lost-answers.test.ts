import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/errors/app-error.ts';
import { startFakeCoder } from '../../support/fake-coder/fake-coder.ts';
import { byId, coderUnderTest, generations } from './coder-under-test.ts';

const LIST = 'get /api/v2/tasks';
const CREATE = 'post /api/v2/tasks/{user}';
const BUILD = 'post /api/v2/workspaces/{workspace}/builds';
const request = { user: 'me', name: 'new-one', prompt: 'Do it', template: 'python-dev' };

for (const { name, generation } of generations) {
  test(`failure 7: a creation whose answer is lost is looked up, never made twice, with ${name}`, async t => {
    const { fake, provider, signal, routes } = await coderUnderTest(t, { generation });
    fake.next(routes.create, { cuts: 'after' });
    const agent = await provider.create(request, { signal });
    assert.equal(agent.initialPrompt, 'Do it');
    assert.equal(fake.count(routes.create), 1);
    fake.next(routes.create, { cuts: 'before' });
    const other = { ...request, name: 'other-one' };
    await assert.rejects(provider.create(other, { signal }), { code: 'NETWORK_ERROR', outcome: 'unknown' });
    assert.equal(fake.count(routes.create), 2);
    assert.equal(fake.fleet.tasks.length + fake.fleet.chats.length, 1);
  });
}

test('failure 7: an agent of that name with another prompt is not taken for the one whose answer was lost', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  fake.next(CREATE, { cuts: 'before' });
  add('busy', { name: 'new-one', prompt: 'Something else' });
  await assert.rejects(provider.create(request, { signal }), { code: 'NETWORK_ERROR' });
  assert.equal(fake.count(CREATE), 1);
});

test('failure 7: a creation that was refused for its rate is made later, once', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  fake.next(CREATE, { status: 429, headers: { 'retry-after': '0' } }, 2);
  await provider.create(request, { signal });
  assert.equal(fake.fleet.tasks.length, 1);
  fake.next(LIST, { status: 429, headers: { 'retry-after': '3600' } });
  await assert.rejects(provider.findByName({ user: 'me', name: 'x', signal }), {
    code: 'RATE_LIMITED',
    details: { retry_after_seconds: 3600 },
  });
});

test('failure 7: a listing that fails twice and then answers succeeds', async t => {
  for (const trouble of [{ status: 503 }, { cuts: 'before' }, { status: 429 }] as const) {
    const { fake, provider, signal, add } = await coderUnderTest(t);
    add('idle');
    fake.next(LIST, trouble, 2);
    assert.equal((await provider.list({ includeInactive: false, signal })).length, 1);
    assert.equal(fake.count(LIST), 3);
  }
});

test('failure 7: a server that is not there is NETWORK_ERROR, and the provider says that it fails', async t => {
  const server = await startFakeCoder();
  await server.close();
  const { provider, signal } = await coderUnderTest(t, { url: server.origin, maxRetries: 1 });
  assert.equal(provider.health().state, 'unknown');
  await assert.rejects(provider.list({ includeInactive: false, signal }), { code: 'NETWORK_ERROR' });
  assert.equal(provider.health().state, 'failing');
  assert.match(provider.health().reason ?? '', /refused/);
});

test('failure 7: a server that does not answer in time is asked again, and then NETWORK_ERROR', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t, { timeoutMs: 1000, maxRetries: 1 });
  add('idle');
  fake.next(LIST, { hangs: true });
  assert.equal((await provider.list({ includeInactive: false, signal })).length, 1);
  fake.next(LIST, { hangs: true }, 2);
  await assert.rejects(provider.list({ includeInactive: false, signal }), error => {
    assert.ok(error instanceof AppError && error.code === 'NETWORK_ERROR', String(error));
    return error.details.attempts === 2;
  });
});

test('failure 8: after an upgrade that removes tasks, the next call works through chats', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const task = add('idle');
  await provider.list({ includeInactive: false, signal });
  fake.upgrade({ tasks: null, chats: 'experimental' });
  const chat = fake.fleet.addChat();
  assert.equal((await provider.get({ user: 'me', id: chat.id }, { signal })).status, 'idle');
  await assert.rejects(provider.get({ user: 'me', id: task.id }, { signal }), { code: 'AGENT_NOT_FOUND' });
  assert.equal((await provider.list({ includeInactive: false, signal }))[0]?.id, chat.id);
});

test('failure 8: after an upgrade a list, a creation and input go where the server has them now', async t => {
  const acts = ['list', 'create', 'send'] as const;
  for (const act of acts) {
    const { fake, provider, signal, add } = await coderUnderTest(t, { generation: { tasks: 'experimental' } });
    const { id } = add('idle');
    await provider.list({ includeInactive: false, signal });
    fake.upgrade({ tasks: 'v2', chats: null });
    if (act === 'list') assert.equal((await provider.list({ includeInactive: false, signal })).length, 1);
    if (act === 'create') await provider.create(request, { signal });
    if (act === 'send') await provider.send({ user: 'me', id }, { text: 'x', interrupt: false, signal });
    assert.equal(fake.changes().filter(({ status }) => (status ?? 0) < 300).length, act === 'list' ? 0 : 1);
  }
});

test('failure 8: a server with none of the three says so', async t => {
  const { provider, signal } = await coderUnderTest(t, { generation: { tasks: null, chats: null } });
  await assert.rejects(provider.list({ includeInactive: false, signal }), {
    code: 'CODER_API_ERROR',
    message: /has none of tasks-v2, tasks-experimental, chats/,
  });
});

test('failure 8: callers that come at once are answered by one probing, also when the first goes away', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t, { generation: { chats: 'v2' } });
  add('idle');
  fake.next(LIST, { delayMs: 50 });
  const leaving = new AbortController();
  const left = assert.rejects(provider.list({ includeInactive: false, signal: leaving.signal }), {
    name: 'AbortError',
  });
  const others = [1, 2, 3].map(() => provider.list({ includeInactive: false, signal }));
  leaving.abort();
  await left;
  for (const agents of await Promise.all(others)) assert.equal(agents.length, 1);
  assert.equal(fake.count(LIST), 1);
});

test('failure 9: a task without a workspace has none, and the listed workspace is the one that is deleted', async t => {
  for (const dialect of ['document', 'servers'] as const) {
    const { fake, provider, signal } = await coderUnderTest(t, { dialect });
    const bare = fake.fleet.addTask({ workspaceId: undefined });
    const task = fake.fleet.addTask();
    const agents = await provider.list({ includeInactive: false, signal });
    assert.equal(byId(agents, bare.id)?.workspaceId, null);
    assert.ok(!byId(agents, bare.id)?.capabilities.includes('delete'));
    const workspaceId = byId(agents, task.id)?.workspaceId ?? '';
    assert.notEqual(workspaceId, task.id);
    await provider.deleteWorkspace({ workspaceId, signal });
    assert.equal(fake.fleet.workspace(task.workspaceId)?.status, 'deleting');
  }
});

test('failure 9: a delete whose answer is lost is checked, not sent twice', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { workspaceId } = add('idle');
  fake.next(BUILD, { cuts: 'after' });
  await provider.deleteWorkspace({ workspaceId, signal });
  assert.equal(fake.count(BUILD), 1);
  const other = add('idle');
  fake.next(BUILD, { cuts: 'before' });
  await assert.rejects(provider.deleteWorkspace({ workspaceId: other.workspaceId, signal }), { code: 'NETWORK_ERROR' });
  assert.equal(fake.count(BUILD), 2);
});

test('failure 9: a delete that failed is ordered again, and one of a workspace that is gone succeeds', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { workspaceId } = add('idle');
  await provider.deleteWorkspace({ workspaceId, signal });
  const workspace = fake.fleet.workspace(workspaceId);
  assert.ok(workspace);
  workspace.status = 'failed';
  await provider.deleteWorkspace({ workspaceId, signal });
  assert.equal(fake.count(BUILD), 2);
  workspace.status = 'deleted';
  await provider.deleteWorkspace({ workspaceId, signal });
  assert.equal(fake.count(BUILD), 2);
});

test('failure 9: a workspace under another build cannot be deleted yet', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { workspaceId } = add('idle');
  const workspace = fake.fleet.workspace(workspaceId);
  assert.ok(workspace);
  workspace.isBuilding = true;
  await assert.rejects(provider.deleteWorkspace({ workspaceId, signal }), { code: 'AGENT_NOT_READY', retryable: true });
});
