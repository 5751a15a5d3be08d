import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { AppError } from '../../../src/errors/app-error.ts';
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

test('failure 6: what to do about a token depends on whether it is unknown or not enough', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { id } = add('idle');
  const hints: unknown[] = [];
  for (const status of [401, 403]) {
    fake.next(GET, { status, body: { message: 'no' } });
    await assert.rejects(provider.get({ user: 'me', id }, { signal }), error => {
      assert.ok(error instanceof AppError && error.code === 'AUTHENTICATION_FAILED');
      hints.push(error.hint);
      return error.details.status_code === status;
    });
  }
  assert.match(String(hints[1]), /permission/);
  assert.notEqual(hints[0], hints[1]);
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
