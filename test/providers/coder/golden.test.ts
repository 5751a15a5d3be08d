import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byId, coderUnderTest } from './coder-under-test.ts';

const stateTime = '2026-03-01T12:30:00Z';

test('a task of an older server, running with a healthy agent that is idle, is idle and connected, and was active when it said so', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { generation: { tasks: 'experimental' } });
  const ready = fake.fleet.addTask({ id: '11111111-1111-4111-8111-111111111111' });
  const starting = fake.fleet.addTask({ state: undefined, lifecycle: 'starting' });
  // Servers of that time gave the workspace's status as that of the task.
  const olderList = (body: unknown) =>
    JSON.parse(JSON.stringify(body).replaceAll('"status":"active"', '"status":"running"'));
  fake.next('get /api/v2/tasks', { lie: olderList }, 2);
  const agents = await provider.list({ includeInactive: false, signal });
  const idle = byId(agents, ready.id);
  assert.equal(idle?.status, 'idle');
  assert.equal(idle?.connected, true);
  assert.equal(idle?.lastActivityAt, stateTime);
  assert.equal(byId(agents, starting.id)?.status, 'running');
  assert.equal(byId(agents, starting.id)?.connected, false);
  assert.equal(byId(agents, starting.id)?.lastActivityAt, null);
});

test('an item of a log keeps its id, its type and its time', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const time = '2026-03-01T10:00:00.5Z';
  const task = fake.fleet.addTask({ logs: [{ id: 0, content: 'x', time, type: 'output' }] });
  const { entries, snapshot } = await provider.logs({ user: 'me', id: task.id }, { source: 'task', signal });
  assert.deepEqual(entries, [
    {
      timestamp: time,
      level: 'info',
      message: 'x',
      agentId: task.id,
      taskId: null,
      metadata: { id: 0, type: 'output' },
    },
  ]);
  assert.equal(snapshot, false);
});

test('a paused task gives what was kept of its log', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const task = fake.fleet.addTask({ status: 'paused' });
  const { snapshot, snapshotAt } = await provider.logs({ user: 'me', id: task.id }, { source: 'task', signal });
  assert.deepEqual({ snapshot, snapshotAt }, { snapshot: true, snapshotAt: task.updatedAt });
});

test('what the machine of an agent logs is told with levels of ours, among what the agent said', async t => {
  const { fake, provider, signal } = await coderUnderTest(t);
  const task = fake.fleet.addTask({ logs: [{ id: 0, content: 'said', time: '2026-03-01T10:00:02Z', type: 'output' }] });
  const levels = ['trace', 'debug', 'info', 'warn', 'error'];
  fake.fleet.agentLogs.set(
    task.agentId ?? '',
    levels.map((level, id) => ({ id, level, output: level, created_at: `2026-03-01T10:00:0${id}Z` })),
  );
  const all = await provider.logs({ user: 'me', id: task.id }, { source: 'all', signal });
  assert.deepEqual(
    all.entries.map(({ level, message }) => `${message}: ${level}`),
    ['trace: debug', 'debug: debug', 'said: info', 'info: info', 'warn: warning', 'error: error'],
  );
  const machine = await provider.logs({ user: 'me', id: task.id }, { source: 'agent', signal });
  assert.equal(machine.entries.length, 5);
});

test('all of a long chat is read, with what its tools were asked and answered', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { generation: { tasks: null, chats: 'experimental' } });
  const chat = fake.fleet.addChat();
  for (let turn = 0; turn < 210; turn++) fake.fleet.say(chat, 'user', [{ type: 'text', text: `turn ${turn}` }]);
  fake.fleet.say(chat, 'assistant', [
    { type: 'reasoning', text: 'hm' },
    { type: 'tool-call', tool_name: 'bash', tool_call_id: 'c1' },
    { type: 'text', text: 'Ran it.' },
  ]);
  fake.fleet.say(chat, 'tool', [{ type: 'tool-result', tool_name: 'bash', tool_call_id: 'c1', is_error: true }]);
  const { entries } = await provider.logs({ user: 'me', id: chat.id }, { source: 'task', signal });
  assert.equal(entries.length, 213);
  assert.equal(entries[0]?.message, 'turn 0');
  assert.deepEqual(
    entries.slice(-3).map(({ message, level, metadata }) => [message, level, metadata.part]),
    [
      ['bash()', 'info', 'tool-call'],
      ['Ran it.', 'info', 'text'],
      ['', 'error', 'tool-result'],
    ],
  );
});

test('a chat that waits for a person says so, and names its labels and its last error', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { generation: { tasks: null, chats: 'v2' } });
  const waiting = fake.fleet.addChat({ status: 'requires_action', labels: { team: 'web', urgent: '' } });
  const failed = fake.fleet.addChat({ status: 'error', lastError: 'no credits' });
  const agents = await provider.list({ includeInactive: false, signal });
  const agent = byId(agents, waiting.id);
  assert.equal(agent?.status, 'busy');
  assert.equal(agent?.metadata.waiting, true);
  assert.deepEqual(agent?.labels, ['team:web', 'urgent']);
  assert.equal(byId(agents, failed.id)?.metadata.state_message, 'no credits');
});

test('archived chats are listed only when the inactive are wanted, and chats that others began are listed once', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { generation: { tasks: null, chats: 'experimental' } });
  const parent = fake.fleet.addChat();
  const child = fake.fleet.addChat();
  parent.children.push(child);
  const archived = fake.fleet.addChat({ archived: true });
  const ids = async (includeInactive: boolean) =>
    (await provider.list({ includeInactive, signal })).map(({ id }) => id).sort();
  assert.deepEqual(await ids(false), [parent.id, child.id].sort());
  assert.deepEqual(await ids(true), [parent.id, child.id, archived.id].sort());
});

test('tasks and chats of one server are both listed, and new agents are what was chosen', async t => {
  const generation = { tasks: 'v2', chats: 'experimental' } as const;
  for (const create of ['tasks', 'chats'] as const) {
    const { fake, provider, signal } = await coderUnderTest(t, { generation, create });
    fake.fleet.addTask();
    fake.fleet.addChat();
    assert.equal((await provider.list({ includeInactive: false, signal })).length, 2);
    const made = await provider.create({ user: 'me', name: 'new', prompt: 'p', template: 'bare' }, { signal });
    assert.equal(made.metadata.kind, create === 'tasks' ? 'task' : 'chat');
  }
});

test('a chat is interrupted for input, and input for a busy one is refused otherwise', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t, {
    generation: { tasks: null, chats: 'experimental' },
  });
  const { id } = add('busy');
  await assert.rejects(provider.send({ user: 'me', id }, { text: 'stop', interrupt: false, signal }), {
    code: 'AGENT_BUSY',
    details: { status: 'busy', agent_id: id },
  });
  await provider.send({ user: 'me', id }, { text: 'stop', interrupt: true, signal });
  const [sent] = fake.changes();
  assert.deepEqual(sent?.body, { content: [{ type: 'text', text: 'stop' }], busy_behavior: 'interrupt' });
  await provider.interrupt({ user: 'me', id }, { signal });
  assert.equal((await provider.get({ user: 'me', id }, { signal })).status, 'idle');
});

test('a task cannot be interrupted, and says so', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t);
  const { id } = add('busy');
  const agent = { user: 'me', id };
  await assert.rejects(provider.interrupt(agent, { signal }), { code: 'CAPABILITY_UNSUPPORTED' });
  await assert.rejects(provider.send(agent, { text: 'x', interrupt: true, signal }), {
    code: 'CAPABILITY_UNSUPPORTED',
  });
  assert.equal(fake.changes().length, 0);
});

test('a paused task is resumed, and takes input only after that', async t => {
  for (const tasks of ['v2', 'experimental'] as const) {
    const { fake, provider, signal, add } = await coderUnderTest(t, { generation: { tasks } });
    const { id, become, workspaceId } = add('stopped');
    const agent = { user: 'me', id };
    await assert.rejects(provider.send(agent, { text: 'x', interrupt: false, signal }), {
      code: 'AGENT_NOT_READY',
      retryable: true,
    });
    await provider.resume(agent, { signal });
    assert.equal(fake.fleet.workspace(workspaceId)?.builds.at(-1)?.transition, 'start');
    become('running');
    await provider.send(agent, { text: 'x', interrupt: false, signal });
    await provider.resume(agent, { signal });
    assert.equal(fake.changes().length, 2);
  }
});

test('a workspace that a chat left stays named until it is renamed', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t, {
    generation: { tasks: null, chats: 'experimental' },
  });
  const { id, workspaceId } = add('idle');
  const name = fake.fleet.workspace(workspaceId)?.name;
  for (let round = 0; round < 2; round++)
    assert.equal(byId(await provider.list({ includeInactive: false, signal }), id)?.workspaceName, name);
  assert.equal(fake.count('get /api/v2/workspaces'), 1);
});

test('deleting a workspace archives the chats in it', async t => {
  const { fake, provider, signal, add } = await coderUnderTest(t, {
    generation: { tasks: null, chats: 'experimental' },
  });
  const { id, workspaceId } = add('idle');
  const other = add('idle');
  const { data } = await provider.deleteWorkspace({ workspaceId, signal });
  assert.deepEqual(data.archived_chats, [id]);
  const listed = await provider.list({ includeInactive: false, signal });
  assert.deepEqual(
    listed.map(agent => agent.id),
    [other.id],
  );
  assert.equal(fake.changes().length, 2);
});

test('an agent of another user is found by its id alone', async t => {
  const { provider, signal, add } = await coderUnderTest(t);
  const { id } = add('idle', { owner: 'bob' });
  assert.equal((await provider.get({ user: 'me', id }, { signal })).user, 'bob');
});

test('a chat gets the title that was asked for, and when that fails it is there all the same', async t => {
  const { fake, provider, signal } = await coderUnderTest(t, { generation: { tasks: null, chats: 'experimental' } });
  const request = { user: 'me', name: 'one', prompt: 'p', template: 'bare', displayName: 'The one' };
  const entitled = await provider.create(request, { signal });
  assert.equal(entitled.metadata.title, 'The one');
  assert.equal(fake.fleet.chats[0]?.title, 'The one');
  fake.next('patch /api/experimental/chats/{chat}', { status: 500, body: { message: 'no' } });
  const plain = await provider.create({ ...request, name: 'two' }, { signal });
  assert.equal(plain.metadata.display_name_error, 'Coder API error: 500 - no');
  assert.equal(fake.fleet.chats.length, 2);
});

test('a user that nobody knows is a bad argument', async t => {
  const { provider, signal } = await coderUnderTest(t);
  const request = { user: 'nobody', name: 'one', prompt: 'p', template: 'bare' };
  await assert.rejects(provider.create(request, { signal }), {
    code: 'VALIDATION_ERROR',
    details: { field: 'user' },
  });
});

test('an agent for which no template is named is made of the default one', async t => {
  for (const generation of [{ tasks: 'v2', chats: null } as const, { tasks: null, chats: 'experimental' } as const]) {
    const { fake, provider, signal } = await coderUnderTest(t, { generation, defaultTemplate: 'python-dev' });
    await provider.create({ user: 'me', name: 'one', prompt: 'p' }, { signal });
    const [template] = fake.fleet.templates;
    assert.equal(Object(fake.changes()[0]?.body).template_version_id, template?.versionId);
  }
});
