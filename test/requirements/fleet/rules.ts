import assert from 'node:assert/strict';
import { agentSchema } from './tools.ts';
import { type FleetSubject, type FleetVerifier, idsOf } from './verify.ts';
import { listOf } from '../callers.ts';

const LISTS = ['/api/v2/tasks', '/api/experimental/chats'];

/** How often each list was asked for meanwhile. */
async function listings({ coder }: Pick<FleetSubject, 'coder'>, work: () => Promise<unknown>): Promise<number[]> {
  const before = coder.requests.length;
  await work();
  const asked = coder.requests.slice(before).map(({ pathname }) => pathname);
  return LISTS.map(path => asked.filter(pathname => pathname === path).length);
}

export function declareRules({ overMcp, overTwo }: FleetVerifier): void {
  overTwo('rule.lists_once', async subject => {
    const { ok, user, forget, target } = subject;
    const hubs = target.directories.length;
    await forget();
    const one = await listings(subject, () => ok('list_all_agents', { user }));
    // Another hub hears a moment later that what it has listed is not what is there.
    if (hubs === 1) assert.deepEqual(one, [1, 1]);
    await forget();
    const calls = Array.from({ length: 20 }, (_, at) =>
      at % 2 === 0 ? () => ok('list_all_agents', { user }) : () => ok('get_fleet_status_metrics'),
    );
    const twenty = await listings(subject, () => Promise.all(calls.map(call => call())));
    if (hubs === 1) assert.deepEqual(twenty, one, 'twenty callers cause no more listings than one');
    for (const count of twenty) assert.ok(count <= hubs, `each hub lists once: ${twenty}`);
  });

  overMcp('rule.which', async ({ addTask, coder, listed, ok, user }) => {
    const task = addTask();
    const chat = coder.fleet.addChat({ owner: user, workspaceId: task.workspaceId });
    const archived = coder.fleet.addChat({ owner: user, archived: true });
    const active = await listed({ user }, ({ total_count }) => total_count === 2);
    const agents = listOf(active.agents);
    assert.deepEqual(new Set(agents.map(({ workspace_id }) => workspace_id)), new Set([task.workspaceId]));
    assert.deepEqual(new Set(idsOf(active)), new Set([task.id, chat.id]), 'a task and a chat of one workspace are two');
    const all = await ok('list_all_agents', { user, include_inactive: true });
    assert.deepEqual(new Set(idsOf(all)), new Set([task.id, chat.id, archived.id]));
    const none = await ok('list_all_agents', { user: 'nobody' });
    assert.deepEqual([none.success, none.agents, none.total_count], [true, [], 0]);
    const without = addTask();
    for (const gone of ['workspaceId', 'agentId', 'lifecycle', 'healthy', 'state'] as const)
      Reflect.set(without, gone, undefined);
    const bare = agentSchema.parse((await ok('get_agent_details_by_id', { user, agent_id: without.id })).data);
    assert.deepEqual([bare.workspace_id, bare.connected, bare.last_activity_at], [null, false, null]);
    assert.deepEqual(bare.capabilities, ['logs'], 'nothing is made up');
  });

  overTwo('rule.warnings', async ({ coder, forget, until, failsAtLast, user }) => {
    await forget();
    coder.next('get /api/v2/tasks', { status: 503, body: { message: 'under maintenance' } }, 3);
    const hasWarned = ({ warnings }: Record<string, unknown>) => listOf(warnings).length === 1;
    const { warnings, success, agents } = await until('list_all_agents', { user }, hasWarned);
    assert.deepEqual([success, agents], [true, []]);
    const [warning, ...others] = listOf(warnings);
    assert.deepEqual([warning?.provider, warning?.error_code, others], ['coder', 'CODER_API_ERROR', []]);
    assert.equal(warning?.error, 'Coder API error: 503 - under maintenance');
    await until('get_fleet_status_metrics', {}, hasWarned);
    const { code } = await failsAtLast('list_all_agents', { provider: 'coder' });
    assert.equal(code, 'CODER_API_ERROR', 'with no other it is the failure of all');
    await until('list_all_agents', { user }, output => !hasWarned(output));
  });

  overMcp('rule.ids', async ({ addTask, ok, fails, user }) => {
    const { id, name, workspaceId } = addTask();
    const get = async (agent_id: string, more: object = {}) =>
      agentSchema.parse((await ok('get_agent_details_by_id', { user, agent_id, ...more })).data).id;
    for (const named of [id, name, `coder:${id}`, `coder:${name}`]) assert.equal(await get(named), id);
    assert.equal(await get(id, { provider: 'coder' }), id);
    const both = await fails('get_agent_details_by_id', { agent_id: `coder:${id}`, provider: 'local' });
    assert.deepEqual([both.code, both.details.providers], ['VALIDATION_ERROR', ['coder', 'local']]);
    const refused = async (agent_id: string, args: object = {}) =>
      (await fails('get_agent_details_by_id', { user, agent_id, ...args })).code;
    assert.equal(await refused('12345'), 'AGENT_NOT_FOUND', 'digits are a run of Codegen');
    assert.equal(await refused(id, { provider: 'local' }), 'AGENT_NOT_FOUND');
    assert.equal(await refused(`codegen:12`), 'PROVIDER_NOT_CONFIGURED');
    assert.equal((await ok('delete_agent_workspace', { workspace_id: `coder:${workspaceId}` })).success, true);
  });

  overTwo('create.parameters', async ({ ok, user, coder }) => {
    const args = { user, prompt: 'Build', workspace_name: `with-${user}`, template_name: 'python-dev' };
    const made = await ok('create_new_agent_task', { ...args, rich_parameters: { cpus: 4, disks: ['a'], name: 'x' } });
    assert.equal(made.delivery, 'created');
    const order = coder.changes().findLast(({ pathname }) => pathname === `/api/v2/users/${user}/workspaces`);
    assert.deepEqual(Object(order?.body).rich_parameter_values, [
      { name: 'cpus', value: '4' },
      { name: 'disks', value: '["a"]' },
      { name: 'name', value: 'x' },
      { name: 'AI Prompt', value: 'Build' },
    ]);
  });

  overMcp('create.offline', async ({ addTask, fails, user, coder }) => {
    const before = coder.changes().length;
    for (const broken of [{ healthy: false }, { status: 'error' }]) {
      const { id, name } = addTask({ ...broken, name: `broken-${Object.keys(broken)[0]}-${user}` });
      const create = { user, prompt: 'go', workspace_name: name, template_name: 'python-dev' };
      const failures = [
        await fails('create_new_agent_task', create),
        await fails('send_input_to_agent', { user, agent_id: id, input_text: 'go' }),
      ];
      for (const { code, error } of failures) {
        assert.equal(code, 'AGENT_OFFLINE');
        assert.match(error, new RegExp(`^Agent ${id} is (offline|failed) since 2026-03-01T`));
      }
    }
    assert.equal(coder.changes().length, before, 'no request to send or to create reached the provider');
  });

  overTwo('local.agents', async subject => {
    const { ok, fails, until, project } = subject;
    const prompt = '#say hello';
    const create = { prompt, workspace_name: project, template_name: 'scripted', display_name: 'greeter' };
    const made = await ok('create_new_agent_task', { ...create, idempotency_key: `local ${subject.wire}` });
    const { task_id, ...data } = Object(made.data);
    const { id: agent_id, ...agent } = agentSchema.parse(data);
    assert.deepEqual([agent.provider, agent.workspace_id, agent.name], ['local', agent_id, 'greeter']);
    assert.equal(typeof task_id, 'string');
    const isIdle = (output: Record<string, unknown>) => Object(output.data).status === 'idle';
    await until('get_agent_details_by_id', { agent_id }, isIdle);
    const sent = await ok('send_input_to_agent', { agent_id: `local:${agent_id}`, input_text: '#say again' });
    assert.deepEqual(sent.data, { status: 'sent' });
    await until('get_agent_execution_logs', { agent_id }, ({ data: entries }) =>
      ['hello', 'again'].every(word => listOf(entries).some(({ message }) => message === word)),
    );
    const listed = await ok('list_all_agents', { provider: 'local', capability: 'fork', query: 'greet' });
    assert.ok(idsOf(listed).includes(agent_id));
    const nowhere = { ...create, workspace_name: '/nowhere-at-all' };
    assert.equal((await fails('create_new_agent_task', nowhere)).code, 'INVALID_CWD');
    const deleted = await ok('delete_agent_workspace', { workspace_id: agent_id });
    assert.equal(deleted.message, `Workspace ${agent_id} deletion initiated`);
    const inactive = await ok('list_all_agents', { provider: 'local', include_inactive: true, status: 'stopped' });
    assert.ok(idsOf(inactive).includes(agent_id), 'ended sessions are stopped');
  });
}
