import assert from 'node:assert/strict';
import { z } from 'zod';
import { agentStatuses } from '../../../src/providers/provider.ts';
import { eventually } from '../../support/eventually.ts';
import { idsOf, type FleetVerifier, stateOf } from './verify.ts';

const time = z.iso.datetime({ offset: true });
const statusWords = z.enum(agentStatuses);

/** Strict: an answer has what the contract names. `name` is the agent's own, beside that of its workspace. */
export const agentSchema = z.strictObject({
  id: z.string(),
  user: z.string(),
  workspace_id: z.string().nullable(),
  workspace_name: z.string().nullable(),
  name: z.string().nullable(),
  status: statusWords,
  created_at: time.nullable(),
  updated_at: time.nullable(),
  last_activity_at: time.nullable(),
  capabilities: z.array(z.string()),
  current_assignment: z.string().nullable(),
  connected: z.boolean(),
  metadata: z.looseObject({ initial_prompt: z.string().nullable(), state_message: z.string().nullable() }),
  provider: z.enum(['coder', 'codegen', 'local']),
  url: z.string().nullable(),
});

const figures = {
  total_agents: z.int(),
  agents_running: z.int(),
  agents_idle: z.int(),
  agents_busy: z.int(),
  agents_offline: z.int(),
  agents_error: z.int(),
  agents_stopped: z.int(),
  total_active_tasks: z.int(),
  fleet_utilization: z.number().min(0).max(1),
  unhealthy_agents: z.int(),
  healthy_percentage: z.number().min(0).max(1),
  computed_at: time,
};
const fleetStatus = z.strictObject(figures);
const metricsSchema = z.strictObject({
  ...figures,
  success: z.literal(true),
  by_provider: z.record(z.string(), fleetStatus),
  by_user: z.record(z.string(), fleetStatus),
  warnings: z.array(z.unknown()),
});
type Figures = z.output<typeof fleetStatus>;

const entrySchema = z.strictObject({
  timestamp: time,
  level: z.enum(['debug', 'info', 'warning', 'error', 'critical']),
  message: z.string(),
  agent_id: z.string(),
  task_id: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
});
const entriesOf = (value: unknown) => z.array(entrySchema).parse(value);

/** What follows from the six counts. */
function assertSums(status: Figures): void {
  const { total_agents: total, agents_busy: busy, agents_error: error, agents_offline: offline } = status;
  const { agents_running, agents_idle, agents_stopped } = status;
  assert.equal(total, agents_running + agents_idle + busy + offline + error + agents_stopped);
  assert.deepEqual([status.total_active_tasks, status.unhealthy_agents], [busy, error + offline]);
  assert.equal(status.fleet_utilization, total === 0 ? 0 : busy / total);
  assert.equal(status.healthy_percentage, total === 0 ? 1 : (total - error - offline) / total);
}

export function declareTools({ overMcp, overTwo }: FleetVerifier): void {
  overMcp('tool.list_all_agents', async ({ addTask, listed, ok, user, peer: { peer } }) => {
    addTask({ status: 'paused', name: 'halted-one' });
    addTask({ healthy: false });
    addTask();
    addTask({ status: 'error' });
    addTask({ state: undefined, prompt: 'Mend the Gate' });
    const busy = addTask({ state: stateOf('working') });
    const all = await listed({ user }, ({ total_count }) => total_count === 6);
    const agents = z.array(agentSchema).parse(all.agents);
    assert.deepEqual(
      agents.map(({ status }) => status),
      ['busy', 'running', 'error', 'idle', 'offline', 'stopped'],
    );
    assert.deepEqual([all.success, all.next_cursor, all.warnings], [true, null, []]);
    time.parse(all.computed_at);
    const [first, second] = agents;
    assert.deepEqual(
      [first?.id, first?.user, first?.workspace_id, first?.provider, first?.current_assignment],
      [busy.id, user, busy.workspaceId, 'coder', 'Write the tests'],
    );
    const of = async (args: object) => idsOf(await ok('list_all_agents', { user, ...args }));
    assert.deepEqual(await of({ status: 'BUSY' }), [busy.id]);
    assert.equal((await of({ status: 'all' })).length, 6);
    assert.equal((await of({ capability: 'resume' })).length, 1);
    assert.equal((await of({ query: 'HALTED' })).length, 1);
    assert.deepEqual(await of({ query: 'mend the gate' }), [second?.id]);
    assert.deepEqual(await of({ provider: 'local' }), []);
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const page: Record<string, unknown> = await ok('list_all_agents', { user, limit: 4, cursor });
      assert.equal(page.total_count, 6);
      seen.push(...idsOf(page));
      cursor = page.next_cursor ?? undefined;
      // The next page is of the same list, whatever became of the agents.
      busy.status = 'error';
    } while (cursor !== undefined);
    assert.deepEqual(
      seen,
      agents.map(({ id }) => id),
    );
    if (peer === undefined) return;
    const { output, text } = await peer.call('list_all_agents', { user, limit: 1 });
    assert.deepEqual(JSON.parse(text[0] ?? ''), output.agents, 'the bare array');
    assert.deepEqual(JSON.parse(text[1] ?? ''), { next_cursor: output.next_cursor });
  });

  overMcp('tool.get_fleet_status_metrics', async ({ addTask, listed, ok, user, peer: { peer } }) => {
    addTask({ state: stateOf('working') });
    addTask({ status: 'error' });
    await listed({ user }, ({ total_count }) => total_count === 2);
    const metrics = metricsSchema.parse(await ok('get_fleet_status_metrics'));
    const { by_provider, by_user, success, warnings, ...whole } = metrics;
    assert.deepEqual([success, warnings], [true, []]);
    for (const status of [whole, ...Object.values(by_provider), ...Object.values(by_user)]) assertSums(status);
    const own = by_user[user];
    assert.deepEqual([own?.total_agents, own?.agents_busy, own?.fleet_utilization], [2, 1, 0.5]);
    assert.deepEqual([own?.unhealthy_agents, own?.healthy_percentage, own?.total_active_tasks], [1, 0.5, 1]);
    const coder = metricsSchema.parse(await ok('get_fleet_status_metrics', { provider: 'coder' }));
    assert.deepEqual(Object.keys(coder.by_provider), ['coder']);
    assert.equal(coder.total_agents, by_provider.coder?.total_agents);
    if (peer === undefined) return;
    const { output, text } = await peer.call('get_fleet_status_metrics');
    const { by_provider: _p, by_user: _u, success: _s, warnings: _w, ...shown } = output;
    assert.deepEqual(JSON.parse(text[0] ?? ''), shown);
  });

  overMcp('tool.get_agent_details_by_id', async ({ addTask, ok, user, peer: { peer } }) => {
    const logs = Array.from({ length: 25 }, (_, id) => logLine(id));
    const { id: agent_id, workspaceId } = addTask({ state: stateOf('working'), logs });
    const output = await ok('get_agent_details_by_id', { user, agent_id });
    assert.deepEqual(Object.keys(output).sort(), ['data', 'success']);
    const agent = agentSchema.parse(output.data);
    assert.deepEqual([agent.id, agent.user, agent.workspace_id, agent.status], [agent_id, user, workspaceId, 'busy']);
    assert.deepEqual([agent.connected, agent.last_activity_at], [true, '2026-03-01T12:30:00Z']);
    assert.deepEqual([agent.current_assignment, agent.metadata.initial_prompt], ['Write the tests', 'Write the tests']);
    const { template, organization, build_number, state_message, state_uri, provider_status } = agent.metadata;
    assert.deepEqual([template, build_number, state_message], ['python-dev', 1, 'it is working']);
    assert.deepEqual([typeof organization, state_uri, provider_status], ['string', null, 'active']);
    for (const named of [{ agent_id }, { agent_id: `coder:${agent_id}` }, { agent_id, provider: 'coder' }])
      assert.equal(agentSchema.parse((await ok('get_agent_details_by_id', named)).data).id, agent_id);
    const { logs: newest } = await ok('get_agent_details_by_id', { user, agent_id, include_logs: true });
    assert.deepEqual(
      entriesOf(newest).map(({ message }) => message),
      logs.slice(-20).map(({ content }) => content),
    );
    if (peer === undefined) return;
    const { output: told, text } = await peer.call('get_agent_details_by_id', { user, agent_id });
    assert.deepEqual(JSON.parse(text[0] ?? ''), told);
  });

  overMcp('tool.get_agent_execution_logs', async ({ addTask, ok, user, coder }) => {
    const task = addTask({ logs: Array.from({ length: 12 }, (_, id) => logLine(id)) });
    const { id: agent_id, agentId = '' } = task;
    coder.fleet.agentLogs.set(
      agentId,
      ['trace', 'warn', 'error'].map((level, id) => ({ id, level, output: level, created_at: '2026-03-01T12:00:30Z' })),
    );
    const logs = (args: object) => ok('get_agent_execution_logs', { user, agent_id, ...args });
    const texts = async (args: object) => entriesOf((await logs(args)).data).map(({ message }) => message);
    const first = await logs({ limit: 10 });
    assert.deepEqual(entriesOf(first.data)[0], {
      ...{ timestamp: '2026-03-01T12:00:02Z', level: 'info', message: 'line 2', agent_id, task_id: null },
      metadata: { id: 2, type: 'output' },
    });
    assert.deepEqual([first.total_count, first.snapshot, first.snapshot_at], [12, false, null]);
    assert.deepEqual(await texts({ limit: 10, cursor: first.next_cursor }), ['line 0', 'line 1']);
    assert.deepEqual(await texts({ since: '2026-03-01T12:00:10Z' }), ['line 10', 'line 11']);
    assert.deepEqual(await texts({ source: 'agent' }), ['trace', 'warn', 'error']);
    assert.equal((await texts({ source: 'all' })).length, 15);
    for (const [level, message] of [
      ...[['error', 'error'] as const, ['warn', 'warn'] as const, ['warning', 'warn'] as const],
      ['debug', 'trace'],
    ] as const)
      assert.deepEqual(await texts({ level }), [message], 'without source both are looked through');
    assert.equal((await texts({ level: 'information' })).length, 12);
    assert.deepEqual(await texts({ level: 'fatal' }), []);
    assert.deepEqual(await texts({ level: 'error', source: 'task' }), []);
    task.status = 'paused';
    const kept = await logs({});
    assert.deepEqual([kept.snapshot, kept.snapshot_at], [true, task.updatedAt]);
  });

  overMcp('tool.create_new_agent_task', async ({ addTask, ok, fails, user, coder }) => {
    const before = coder.fleet.tasks.length;
    const args = {
      ...{ user, prompt: 'Build it', workspace_name: `made-${user}`, template_name: 'python-dev' },
      ...{ display_name: 'The maker', idempotency_key: `create ${user}` },
    };
    const made = await ok('create_new_agent_task', args);
    const { task_id, ...data } = z.looseObject({ task_id: z.string() }).parse(made.data);
    const agent = agentSchema.parse(data);
    assert.deepEqual([made.success, made.delivery, typeof made.message], [true, 'created', 'string']);
    assert.deepEqual([agent.user, agent.workspace_name], [user, `made-${user}`]);
    assert.deepEqual(await ok('create_new_agent_task', args), made, 'a repeat gives the first answer');
    assert.equal(coder.fleet.tasks.length, before + 1);
    const [template] = coder.fleet.templates;
    assert.deepEqual(coder.changes().findLast(({ pathname }) => pathname.endsWith(`/tasks/${user}`))?.body, {
      ...{ template_version_id: template?.versionId, input: 'Build it', name: args.workspace_name },
      display_name: 'The maker',
    });
    assert.equal(task_id, agent.id);
    const { code } = await fails('create_new_agent_task', { ...args, prompt: 'Another' });
    assert.equal(code, 'IDEMPOTENCY_CONFLICT');
    const idle = addTask({ name: `idle-${user}` });
    const give = (name: string, more: object = {}) => ({ user, prompt: 'And this', workspace_name: name, ...more });
    assert.equal((await ok('create_new_agent_task', give(idle.name))).delivery, 'sent');
    assert.equal(idle.logs.at(-1)?.content, 'And this');
    const busy = addTask({ name: `busy-${user}`, state: stateOf('working') });
    assert.equal((await fails('create_new_agent_task', give(busy.name, { when_busy: 'error' }))).code, 'AGENT_BUSY');
    const queued = await ok('create_new_agent_task', give(busy.name));
    assert.equal(queued.delivery, 'queued');
    await ok('task_cancel', { task_id: Object(queued.data).task_id });
    assert.equal(coder.fleet.tasks.length, before + 3);
  });

  overMcp('tool.delete_agent_workspace', async ({ addTask, ok, user, coder }) => {
    const { id: agent_id, workspaceId: workspace_id } = addTask({ state: stateOf('working') });
    const { data } = await ok('send_input_to_agent', { user, agent_id, input_text: 'never' });
    const deleted = await ok('delete_agent_workspace', { workspace_id });
    assert.deepEqual([deleted.success, deleted.message], [true, `Workspace ${workspace_id} deletion initiated`]);
    assert.equal(Object(deleted.data).workspace_id, workspace_id);
    await ok('delete_agent_workspace', { workspace_id });
    const builds = coder.changes().filter(({ pathname }) => pathname.includes(`${workspace_id}/builds`));
    assert.deepEqual(
      builds.map(({ body }) => body),
      [{ transition: 'delete' }],
      'deleting again orders nothing',
    );
    assert.equal((await ok('task_get_status', { task_id: Object(data).task_id })).status, 'cancelled');
  });

  overMcp('tool.send_input_to_agent', async ({ addTask, ok, fails, user, coder }) => {
    const task = addTask();
    const give = (args: object = {}) => ({ user, agent_id: task.id, input_text: 'And then this', ...args });
    const sent = await ok('send_input_to_agent', give());
    assert.deepEqual([sent.success, sent.data], [true, { status: 'sent' }]);
    assert.equal(sent.message, `Input sent to agent ${task.id}`);
    task.state = stateOf('working');
    assert.equal((await fails('send_input_to_agent', give({ when_busy: 'error' }))).code, 'AGENT_BUSY');
    const cannot = await fails('send_input_to_agent', give({ when_busy: 'interrupt' }));
    assert.equal(cannot.code, 'CAPABILITY_UNSUPPORTED');
    const withdrawn = Object((await ok('send_input_to_agent', give({ input_text: 'withdrawn' }))).data);
    assert.equal(withdrawn.status, 'queued');
    assert.equal((await ok('task_cancel', { task_id: withdrawn.task_id })).cancelled, true);
    const chat = coder.fleet.addChat({ owner: user, status: 'running' });
    const interrupt = { user, agent_id: chat.id, input_text: 'now', when_busy: 'interrupt' };
    assert.deepEqual((await ok('send_input_to_agent', interrupt)).data, { status: 'sent' });
    const { body } = coder.changes().at(-1) ?? {};
    assert.deepEqual(body, { content: [{ type: 'text', text: 'now' }], busy_behavior: 'interrupt' });
  });

  overTwo('input.queue', async ({ addTask, ok, user, until, forget }) => {
    const task = addTask({ state: stateOf('working') });
    const queue = async (input_text: string) =>
      Object((await ok('send_input_to_agent', { user, agent_id: task.id, input_text })).data);
    const [withdrawn, second, third] = [await queue('withdrawn'), await queue('second'), await queue('third')];
    assert.deepEqual([second.status, third.status], ['queued', 'queued']);
    assert.equal((await ok('task_cancel', { task_id: withdrawn.task_id })).cancelled, true);
    task.state = stateOf('idle');
    await forget();
    const isDone = ({ status }: Record<string, unknown>) => status === 'completed';
    await until('task_get_result', { task_id: third.task_id, wait_seconds: 5 }, isDone);
    assert.deepEqual(
      task.logs.map(({ content }) => content),
      ['second', 'third'],
      'first in, first out, each once',
    );
  });

  overTwo('input.paused', async ({ addTask, ok, fails, user, coder }) => {
    const task = addTask({ status: 'paused' });
    const give = { user, agent_id: task.id, input_text: 'go on' };
    const refused = await fails('send_input_to_agent', { ...give, when_paused: 'error' });
    assert.equal(refused.code, 'AGENT_NOT_READY');
    const sending = ok('send_input_to_agent', give);
    await eventually(() => task.status === 'initializing');
    Object.assign(task, { status: 'active', lifecycle: 'ready', state: stateOf('idle') });
    assert.equal(Object((await sending).data).status, 'sent');
    const about = coder.changes().filter(({ pathname }) => pathname.includes(task.id));
    assert.deepEqual(
      about.map(({ pathname, body }) => [pathname.split('/').at(-1), body]),
      [
        ['resume', undefined],
        ['send', { input: 'go on' }],
      ],
      'the initial prompt is not repeated',
    );
  });
}

const logLine = (id: number) => ({
  id,
  content: `line ${id}`,
  time: `2026-03-01T12:00:${String(id).padStart(2, '0')}Z`,
  type: 'output' as const,
});
