import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mcpMessage } from '../support/session-server.ts';
import { eventually } from '../support/eventually.ts';
import { type FleetServer, fleetServer, listIn, objectIn } from './fleet-server.ts';

const STATE = { state: 'idle', message: 'done', timestamp: '2026-03-01T12:30:00Z', uri: '' };

/** One for all tests that need no other. */
let shared: FleetServer | undefined;
before(async () => {
  shared = await fleetServer({ env: { CODER_MAX_RETRIES: '0' } });
});
after(() => shared?.[Symbol.asyncDispose]());

/** As if it had just been started: there are no agents, and none were listed. */
async function begun(): Promise<FleetServer> {
  const fleet = shared ?? assert.fail('the server did not start');
  const { coder, call } = fleet;
  const { id: agent_id } = coder.fleet.addTask({ state: STATE });
  await call('send_input_to_agent', { agent_id, input_text: 'what was listed is listed anew after that' });
  coder.clear();
  return fleet;
}

test('golden 1: the seven tools are listed, and the fleet stream can be polled with them', async () => {
  const fleet = await begun();
  const { answer } = await mcpMessage(
    fleet.server.url,
    { method: 'tools/list', params: {} },
    { 'x-mcp-toolsets': 'fleet' },
  );
  const names = listIn(objectIn(answer, 'result'), 'tools').map(({ name }) => name);
  for (const name of [
    'list_all_agents',
    'get_fleet_status_metrics',
    'get_agent_details_by_id',
    'get_agent_execution_logs',
    'create_new_agent_task',
    'delete_agent_workspace',
    'send_input_to_agent',
    'poll_events',
  ])
    assert.ok(names.includes(name), name);
  assert.ok(!names.includes('create_session') && !names.includes('pause_agent'));
});

test('golden 3: two tasks of which one is idle and one starts, in the list, by filters, and in figures', async () => {
  const fleet = await begun();
  const { coder, call } = fleet;
  const idle = coder.fleet.addTask({ state: STATE });
  coder.fleet.addTask({ lifecycle: 'starting', state: undefined });
  const { output, text } = await call('list_all_agents');
  const agents = listIn(output, 'agents');
  assert.deepEqual(
    agents.map(({ status }) => status),
    ['running', 'idle'],
  );
  assert.deepEqual(JSON.parse(text[0] ?? ''), agents);
  const found = agents.find(({ id }) => id === idle.id);
  assert.deepEqual([found?.connected, found?.last_activity_at], [true, STATE.timestamp]);
  const counted = async (args: object) => listIn((await call('list_all_agents', { ...args })).output, 'agents').length;
  assert.deepEqual(
    await Promise.all([{ status: 'IDLE' }, { status: 'error' }, { user: 'nobody' }, { status: 'all' }].map(counted)),
    [1, 0, 0, 2],
  );
  const metrics = (await call('get_fleet_status_metrics')).output;
  const { total_agents, agents_idle, agents_running, agents_busy, fleet_utilization, healthy_percentage } = metrics;
  assert.deepEqual([total_agents, agents_idle, agents_running, agents_busy], [2, 1, 1, 0]);
  assert.deepEqual([fleet_utilization, healthy_percentage], [0, 1]);
});

test('a status that is none is refused with the words that are', async () => {
  const fleet = await begun();
  const { isError, output } = await fleet.call('list_all_agents', { status: 'sleeping' });
  assert.ok(isError);
  assert.equal(output.error_code, 'VALIDATION_ERROR');
  assert.equal(objectIn(output, 'details').field, 'status');
  for (const word of ['busy', 'running', 'error', 'idle', 'offline', 'stopped'])
    assert.ok(String(output.error).includes(word), word);
});

test('golden 4: an agent that Coder does not know is not found, for details, logs and input', async () => {
  const fleet = await begun();
  const agent_id = 'nonexistent-agent-id-12345';
  for (const [tool, more] of [
    ['get_agent_details_by_id', {}],
    ['get_agent_execution_logs', {}],
    ['send_input_to_agent', { input_text: 'hello' }],
  ] as const) {
    const { isError, output, text } = await fleet.call(tool, { user: 'alice', agent_id, ...more });
    assert.ok(isError);
    assert.deepEqual([output.success, output.error_code], [false, 'AGENT_NOT_FOUND']);
    const { user, agent_id: id } = objectIn(output, 'details');
    assert.deepEqual([user, id], ['alice', agent_id]);
    assert.deepEqual(JSON.parse(text[0] ?? ''), output);
  }
});

test('golden 5: creating without such a workspace and without a template is refused by name', async () => {
  const fleet = await begun();
  const args = { user: 'alice', prompt: 'go', workspace_name: 'missing-workspace' };
  const { output } = await fleet.call('create_new_agent_task', args);
  assert.deepEqual(
    [output.success, output.error_code, output.error],
    [false, 'WORKSPACE_NOT_FOUND', 'Workspace not found: missing-workspace'],
  );
  const { workspace_name, user } = objectIn(output, 'details');
  assert.deepEqual([workspace_name, user], ['missing-workspace', 'alice']);
  for (const [bad, field, error] of [
    [{ ...args, prompt: ' ' }, 'prompt', 'Prompt cannot be empty'],
    [{ ...args, workspace_name: '' }, 'workspace_name', 'Workspace name cannot be empty'],
  ] as const) {
    const refused = (await fleet.call('create_new_agent_task', bad)).output;
    assert.deepEqual([refused.error_code, refused.error], ['VALIDATION_ERROR', error]);
    assert.equal(objectIn(refused, 'details').field, field);
  }
  const unknown = (await fleet.call('create_new_agent_task', { ...args, template_name: 'nope' })).output;
  assert.equal(unknown.error_code, 'TEMPLATE_NOT_FOUND');
});

test('golden 6, failure 3: logs have messages, and level and limit take effect', async () => {
  const fleet = await begun();
  const T = '2026-03-01T12:00:00Z';
  const logs = Array.from({ length: 25 }, (_, id) => ({ id, content: `line ${id}`, time: T, type: 'output' as const }));
  const { id: agent_id } = fleet.coder.fleet.addTask({ state: STATE, logs });
  const { output } = await fleet.call('get_agent_execution_logs', { user: 'alice', agent_id, limit: 10 });
  const data = listIn(output, 'data');
  assert.deepEqual(
    data.map(({ message }) => message),
    logs.slice(-10).map(({ content }) => content),
  );
  const [first] = data;
  assert.deepEqual(first, {
    timestamp: T,
    level: 'info',
    message: 'line 15',
    agent_id,
    task_id: first?.task_id,
    metadata: { id: 15, type: 'output' },
  });
  assert.equal(output.total_count, 25);
  const earlier = await fleet.call('get_agent_execution_logs', { agent_id, limit: 10, cursor: output.next_cursor });
  assert.deepEqual(
    listIn(earlier.output, 'data').map(({ message }) => message),
    logs.slice(5, 15).map(({ content }) => content),
  );
  const ofLevel = async (level: string) =>
    listIn((await fleet.call('get_agent_execution_logs', { agent_id, level, source: 'task' })).output, 'data').length;
  assert.deepEqual([await ofLevel('information'), await ofLevel('error')], [25, 0]);
  const bad = (await fleet.call('get_agent_execution_logs', { agent_id, level: 'loud' })).output;
  assert.equal(bad.error_code, 'VALIDATION_ERROR');
});

test('golden 8, failure 9: the listed workspace is deleted by one build, and input is sent', async () => {
  const fleet = await begun();
  const { coder, call } = fleet;
  const task = coder.fleet.addTask({ state: STATE });
  const sent = await call('send_input_to_agent', { user: 'alice', agent_id: task.id, input_text: 'hello' });
  assert.equal(objectIn(sent.output, 'data').status, 'sent');
  assert.equal(sent.output.message, `Input sent to agent ${task.id}`);
  const [agent] = listIn((await call('list_all_agents', { provider: 'coder' })).output, 'agents');
  const deleted = await call('delete_agent_workspace', { workspace_id: agent?.workspace_id });
  assert.equal(deleted.output.message, `Workspace ${agent?.workspace_id} deletion initiated`);
  const builds = coder.changes().filter(({ route }) => route.includes('builds'));
  assert.deepEqual(
    builds.map(({ body }) => body),
    [{ transition: 'delete' }],
  );
});

for (const generation of [
  { tasks: 'v2', chats: null },
  { tasks: 'experimental', chats: null },
  { tasks: null, chats: 'experimental' },
] as const) {
  const name = generation.tasks ?? 'chats';
  test(`golden 9, failure 8: the seven tools work before a server that has ${name} alone`, async () => {
    await using fleet = await fleetServer({ generation });
    const { coder, call } = fleet;
    const { id: agent_id } =
      generation.tasks === null ? coder.fleet.addChat({ status: 'waiting' }) : coder.fleet.addTask({ state: STATE });
    assert.equal(listIn((await call('list_all_agents')).output, 'agents').length, 1);
    assert.equal((await call('get_fleet_status_metrics')).output.agents_idle, 1);
    assert.equal(objectIn((await call('get_agent_details_by_id', { agent_id })).output, 'data').status, 'idle');
    assert.equal((await call('get_agent_execution_logs', { agent_id })).output.success, true);
    assert.equal((await call('send_input_to_agent', { agent_id, input_text: 'hi' })).output.success, true);
    const template = { template_name: 'python-dev', workspace_name: 'made', prompt: 'build it' };
    const made = (await call('create_new_agent_task', template)).output;
    assert.deepEqual([made.success, made.delivery], [true, 'created'], JSON.stringify(made));
    const workspace_id = objectIn(made, 'data').workspace_id;
    assert.equal((await call('delete_agent_workspace', { workspace_id })).output.success, true);
  });
}

test('failure 10: input for a busy agent waits, is followed by its task, and arrives once', async () => {
  const fleet = await begun();
  const { coder, call } = fleet;
  const task = coder.fleet.addTask({ state: { ...STATE, state: 'working' } });
  const { output } = await call('send_input_to_agent', { agent_id: task.id, input_text: 'then this' });
  const { status, task_id } = objectIn(output, 'data');
  assert.equal(status, 'queued');
  task.state = STATE;
  await eventually(async () => {
    const { output: told } = await call('task_get_result', { task_id, wait_seconds: 5 });
    return told.status === 'completed';
  });
  const sends = coder.requests.filter(({ route }) => route.endsWith('/send'));
  assert.deepEqual(
    sends.map(({ body }) => body),
    [{ input: 'then this' }],
  );
});

test('failure 6, failure 12: trouble of the provider comes in the envelope, and the token nowhere', async () => {
  await using fleet = await fleetServer({ env: { CODER_SESSION_TOKEN: 'a-wrong-token-0123456789' } });
  for (const [tool, args] of [
    ['list_all_agents', { provider: 'coder' }],
    ['get_fleet_status_metrics', { provider: 'coder' }],
    ['get_agent_details_by_id', { agent_id: 'x' }],
    ['get_agent_execution_logs', { agent_id: 'x' }],
    ['create_new_agent_task', { prompt: 'p', workspace_name: 'w', template_name: 't' }],
    ['delete_agent_workspace', { workspace_id: '0b9ce0b4-6d0e-4c53-8f3b-111111111111' }],
    ['send_input_to_agent', { agent_id: 'x', input_text: 't' }],
  ] as const) {
    const { isError, output, text } = await fleet.call(tool, args);
    assert.ok(isError, tool);
    assert.equal(output.error_code, 'AUTHENTICATION_FAILED');
    assert.equal(output.error, 'Authentication failed. Check CODER_SESSION_TOKEN.');
    assert.ok(!JSON.stringify([output, text]).includes('a-wrong-token'));
  }
  assert.ok(!fleet.server.server.log().includes('a-wrong-token'));
});

test('failure 2, failure 9: what the provider does not tell is null, false or empty, and no time is invented', async () => {
  const fleet = await begun();
  const task = fleet.coder.fleet.addTask({ state: undefined });
  for (const gone of ['workspaceId', 'agentId', 'lifecycle', 'healthy'] as const) Reflect.set(task, gone, undefined);
  const [agent] = listIn((await fleet.call('list_all_agents')).output, 'agents');
  assert.deepEqual(
    [agent?.workspace_id, agent?.connected, agent?.last_activity_at, agent?.created_at],
    [null, false, null, task.createdAt],
  );
  assert.ok(Array.isArray(agent?.capabilities) && !agent.capabilities.includes('send_input'));
});

test('failure 6: 409, 502 and 400 of the provider have codes of their own', async () => {
  const fleet = await begun();
  const { coder, call } = fleet;
  const { id: agent_id } = coder.fleet.addTask({ state: STATE });
  const route = 'post /api/v2/tasks/{user}/{task}/send';
  for (const [status, code] of [
    [409, 'AGENT_NOT_READY'],
    [502, 'CODER_API_ERROR'],
    [400, 'VALIDATION_ERROR'],
  ] as const) {
    coder.next(route, { status, body: JSON.stringify({ message: 'no' }) });
    const { isError, output } = await call('send_input_to_agent', { agent_id, input_text: 'x' });
    assert.deepEqual([isError, output.success, output.error_code], [true, false, code], JSON.stringify(output));
  }
});
