import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { AppError } from '../../../src/errors/app-error.ts';
import { startFakeCoder } from '../../support/fake-coder/fake-coder.ts';
import { serveLocally } from '../../support/local-server.ts';
import { byId, coderUnderTest, generations } from './coder-under-test.ts';

const LIST = 'get /api/v2/tasks';
const CREATE = 'post /api/v2/tasks/{user}';
const SEND = 'post /api/v2/tasks/{user}/{task}/send';
const GET = 'get /api/v2/tasks/{user}/{task}';
const BUILD = 'post /api/v2/workspaces/{workspace}/builds';
const request = { user: 'me', name: 'new-one', prompt: 'Do it', template: 'python-dev' };

test('failure 1: a fleet of active agents is not offline, and one at work is busy', async t => {
  for (const dialect of ['document', 'servers'] as const) {
    const { provider, signal, add } = await coderUnderTest(t, { dialect });
    const [busy, idle, running] = [add('busy'), add('idle'), add('running')];
    const agents = await provider.list({ includeInactive: false, signal });
    assert.deepEqual(
      [busy, idle, running].map(({ id }) => byId(agents, id)?.status),
      ['busy', 'idle', 'running'],
    );
  }
});

test('failure 2: what the provider does not tell is false, null or empty', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { dialect: 'servers' });
  const bare = {
    state: undefined,
    lifecycle: undefined,
    healthy: undefined,
    agentId: undefined,
    workspaceId: undefined,
  };
  const { id } = fake.fleet.addTask({ ...bare, status: 'pending', prompt: '' });
  const told = fake.fleet.addTask();
  const agents = await provider.list({ includeInactive: false, signal });
  const agent = byId(agents, id);
  assert.equal(agent?.connected, false);
  assert.equal(agent?.lastActivityAt, null);
  assert.equal(agent?.initialPrompt, null);
  assert.equal(agent?.workspaceName, null);
  assert.deepEqual(agent?.labels, []);
  assert.equal(agent?.metadata.state_message, null);
  const {
    template,
    organization,
    state_message: message,
    state_uri: uri,
    build_number: build,
    provider_status: status,
  } = byId(agents, told.id)?.metadata ?? {};
  assert.deepEqual(
    { template, organization, message, uri, build, status },
    {
      template: 'python-dev',
      organization: fake.fleet.organizationId,
      message: 'All done',
      uri: 'https://example.com/pr/1',
      build: 1,
      status: 'active',
    },
  );
});

test('failure 3: messages of logs are not empty', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const logs = [0, 1, 2].map(id => ({
    id,
    content: `line ${id}`,
    time: '2026-03-01T10:00:00Z',
    type: 'output' as const,
  }));
  const { id } = fake.fleet.addTask({ logs: logs.toReversed() });
  const { entries } = await provider.logs({ user: 'me', id }, { source: 'task', signal });
  assert.deepEqual(
    entries.map(({ message }) => message),
    ['line 0', 'line 1', 'line 2'],
  );
});

test('failure 4: a creation is what the API document says, with a preset and a title too', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const preset = 'b8a5f8b0-3a86-4b36-9a59-0f4a4bfb5f5e';
  await provider.create({ ...request, preset, displayName: 'The new one' }, { signal });
  const [template] = fake.fleet.templates;
  assert.deepEqual(fake.changes()[0]?.body, {
    template_version_id: template?.versionId,
    input: 'Do it',
    name: 'new-one',
    display_name: 'The new one',
    template_version_preset_id: preset,
  });
  await assert.rejects(provider.create({ ...request, name: 'other', preset: 'large' }, { signal }), {
    code: 'VALIDATION_ERROR',
    details: { field: 'preset' },
  });
});

test('failure 4: a workspace that no task is made of is deleted again', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const withParameters = { ...request, template: 'bare', parameters: { cpus: '2' } };
  await assert.rejects(provider.create(withParameters, { signal }), { code: 'CAPABILITY_UNSUPPORTED' });
  assert.deepEqual(
    fake.changes().map(({ route }) => route),
    ['post /api/v2/users/{user}/workspaces', BUILD],
  );
  assert.equal(fake.fleet.workspaces.at(-1)?.status, 'deleting');
});

test('failure 4: of templates with one name the organization decides', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  fake.fleet.addTemplate('python-dev', { organizationName: 'lab' });
  await assert.rejects(provider.create(request, { signal }), {
    code: 'VALIDATION_ERROR',
    details: { field: 'template_name', templates: ['main/python-dev', 'lab/python-dev'] },
  });
  await provider.create({ ...request, template: 'lab/python-dev' }, { signal });
  assert.equal(fake.count(CREATE), 1);
});

for (const { name, generation } of generations) {
  test(`failure 5: input for an agent that is offline, failed or gone is AGENT_OFFLINE and is not sent, with ${name}`, async t => {
    const { fake, provider, signal, add } = await coderUnderTest(t, { generation });
    const statuses = generation.tasks === null ? (['error'] as const) : (['offline', 'error'] as const);
    for (const status of statuses) {
      const { id } = add(status);
      await assert.rejects(provider.send({ user: 'me', id }, { text: 'hi', interrupt: true, signal }), error => {
        assert.ok(error instanceof AppError && error.code === 'AGENT_OFFLINE', String(error));
        assert.match(error.message, /since 2026-03-01T12:3/);
        return error.details.status === status;
      });
    }
    assert.equal(fake.changes().length, 0);
  });
}

test('failure 6: what a server answers to input is told by its kind', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { id } = add('idle');
  const send = () => provider.send({ user: 'me', id }, { text: 'hi', interrupt: false, signal });
  const validations = [{ field: 'input', detail: 'is too long' }];
  const answers = [
    [400, { message: 'Bad', validations }, 'VALIDATION_ERROR'],
    [422, { message: 'Bad' }, 'VALIDATION_ERROR'],
    [401, { message: 'signed out' }, 'AUTHENTICATION_FAILED'],
    [403, { message: 'forbidden' }, 'AUTHENTICATION_FAILED'],
    [404, { message: 'gone' }, 'AGENT_NOT_FOUND'],
    [409, { message: 'Task app is not ready' }, 'AGENT_NOT_READY'],
    [502, { message: 'Bad gateway' }, 'CODER_API_ERROR'],
    [500, '<html><body>oops</body></html>', 'CODER_API_ERROR'],
  ] as const;
  for (const [status, body, code] of answers) {
    const before = fake.count(SEND);
    fake.next(SEND, { status, body });
    await assert.rejects(send(), { code }, `${status}`);
    assert.equal(fake.count(SEND), before + 1, `${status} is not sent again`);
  }
  fake.next(SEND, { status: 400, body: { message: 'Bad', validations } });
  await assert.rejects(send(), {
    message: 'Invalid request: Bad',
    details: { status_code: 400, fields: { input: 'is too long' } },
  });
  fake.next(SEND, { status: 502, body: { message: 'Bad gateway' } });
  await assert.rejects(send(), { message: 'Coder API error: 502 - Bad gateway', details: { status_code: 502 } });
});

test('failure 6: a bad token ends probing with AUTHENTICATION_FAILED', async t => {
  const { provider, signal } = await coderUnderTest(t, { token: 'another-token-0123' });
  await assert.rejects(provider.list({ includeInactive: false, signal }), {
    code: 'AUTHENTICATION_FAILED',
    message: 'Authentication failed. Check CODER_SESSION_TOKEN.',
  });
  await assert.rejects(provider.whoAmI({ signal }), { code: 'AUTHENTICATION_FAILED' });
});

test('failure 6: answers that leave the API document are CODER_API_ERROR with the name of the field, or are shown', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { id } = add('idle');
  await provider.list({ includeInactive: false, signal });
  const list = () => provider.list({ includeInactive: false, signal });
  const listSchema = z.object({ tasks: z.array(z.record(z.string(), z.unknown())) });
  const lie = (change: (task: Record<string, unknown>) => Record<string, unknown>) => (body: unknown) => ({
    tasks: listSchema.parse(body).tasks.map(change),
  });
  fake.next(LIST, { lie: lie(({ id: _, ...task }) => task) });
  await assert.rejects(list(), { code: 'CODER_API_ERROR', details: { status_code: 200, field: 'tasks.0.id' } });
  fake.next(LIST, { lie: lie(task => ({ ...task, status: 7 })) });
  await assert.rejects(list(), { code: 'CODER_API_ERROR', details: { status_code: 200, field: 'tasks.0.status' } });
  fake.next(LIST, { body: '<!DOCTYPE html><title>Sign in</title>' });
  await assert.rejects(list(), { code: 'CODER_API_ERROR', message: /an HTML page/ });
  fake.next(LIST, { lie: lie(task => ({ ...task, status: 'dreaming', mood: 'fine' })) });
  const agent = byId(await list(), id);
  assert.equal(agent?.metadata.mood, 'fine');
  assert.equal(agent?.metadata.provider_status, 'dreaming');
});

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

test('failure 12: no token follows a redirect to another host, and none is in an error', async t => {
  const seen: unknown[] = [];
  const elsewhere = await serveLocally((incoming, response) => {
    seen.push(incoming.headers['coder-session-token']);
    response.end('[]');
  });
  t.after(() => elsewhere.close());
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { id } = add('idle');
  await provider.list({ includeInactive: false, signal });
  fake.next(GET, { status: 307, headers: { location: `${elsewhere.origin}/api/v2/tasks` }, body: {} });
  fake.next(SEND, { status: 500, body: { message: `token ${fake.token} is odd` } });
  await assert.rejects(provider.get({ user: 'me', id }, { signal }), { code: 'CODER_API_ERROR' });
  await assert.rejects(provider.send({ user: 'me', id }, { text: 'x', interrupt: false, signal }), error => {
    assert.ok(error instanceof AppError);
    return !JSON.stringify(error.toShape()).includes(fake.token);
  });
  assert.deepEqual(seen, []);
});

test('an id that would lead to another path is no id', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  await provider.list({ includeInactive: false, signal });
  const before = fake.requests.length;
  for (const id of ['..', '.'])
    await assert.rejects(provider.get({ user: 'me', id }, { signal }), { code: 'VALIDATION_ERROR' });
  assert.equal(fake.requests.length, before);
  await assert.rejects(provider.get({ user: 'me', id: '../../users/me' }, { signal }), { code: 'AGENT_NOT_FOUND' });
});
