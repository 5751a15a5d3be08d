import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type SessionServer, sessionServer } from '../support/session-server.ts';
import { listIn, objectIn } from './fleet-server.ts';

let shared: SessionServer | undefined;
before(async () => {
  shared = await sessionServer({ args: ['--toolsets', 'fleet,sessions'] });
});
after(() => shared?.[Symbol.asyncDispose]());
const started = (): SessionServer => shared ?? assert.fail('the server did not start');

test('with no provider sessions are served alone, from creation to deletion', async () => {
  const server = started();
  const { ask, project } = server;
  const made = await ask('create_new_agent_task', {
    prompt: '#say hello',
    workspace_name: project,
    template_name: 'scripted',
    display_name: 'greeter',
  });
  assert.equal(made.delivery, 'created', JSON.stringify(made));
  const { id: agent_id, workspace_id, provider, user } = objectIn(made, 'data');
  assert.deepEqual([provider, user, workspace_id], ['local', 'local', agent_id]);
  const look = async () => objectIn(await ask('get_agent_details_by_id', { agent_id }), 'data');
  await eventually(async () => (await look()).status === 'idle');
  const { metadata, name, connected, current_assignment } = await look();
  assert.deepEqual([name, connected, current_assignment], ['greeter', true, null]);
  assert.equal(Object(metadata).initial_prompt, '#say hello');
  const sent = await ask('send_input_to_agent', { agent_id, input_text: '#say again' });
  assert.equal(objectIn(sent, 'data').status, 'sent');
  await eventually(async () => {
    const logs = listIn(await ask('get_agent_execution_logs', { agent_id }), 'data');
    return ['hello', 'again'].every(word => logs.some(({ message }) => message === word));
  });
  const listed = listIn(await ask('list_all_agents', { user: 'local' }), 'agents');
  assert.deepEqual(
    listed.map(({ id }) => id),
    [agent_id],
  );
  const deleted = await ask('delete_agent_workspace', { workspace_id });
  assert.equal(deleted.success, true, JSON.stringify(deleted));
  assert.equal(listIn(await ask('list_all_agents'), 'agents').length, 0);
  const all = listIn(await ask('list_all_agents', { include_inactive: true }), 'agents');
  assert.deepEqual(
    all.map(({ id, status }) => [id, status]),
    [[agent_id, 'stopped']],
  );
});

test('input for a session at work waits and arrives once; cancelled, it never arrives', async () => {
  const server = started();
  const { ask, project } = server;
  const made = await ask('create_new_agent_task', {
    prompt: '#slow 60 50\n#say first',
    workspace_name: project,
    template_name: 'scripted',
  });
  const { id: agent_id } = objectIn(made, 'data');
  const status = async () => objectIn(await ask('get_agent_details_by_id', { agent_id }), 'data').status;
  await eventually(async () => (await status()) === 'busy');
  const queue = async (input_text: string) =>
    objectIn(await ask('send_input_to_agent', { agent_id, input_text }), 'data');
  const [second, third, fourth] = [await queue('#say second'), await queue('#say third'), await queue('#say fourth')];
  assert.deepEqual([second.status, third.status, fourth.status], ['queued', 'queued', 'queued']);
  const { cancelled } = await ask('task_cancel', { task_id: third.task_id });
  assert.equal(cancelled, true);
  const done = await ask('task_get_result', { task_id: fourth.task_id, wait_seconds: 60 });
  assert.equal(done.status, 'completed', JSON.stringify(done));
  const said = async () =>
    listIn(await ask('get_agent_execution_logs', { agent_id }), 'data')
      .filter(({ metadata }) => Object(metadata).type === 'input')
      .map(({ message }) => String(message).split('\n').at(-1));
  await eventually(async () => (await said()).length === 3);
  assert.deepEqual(await said(), ['#say first', '#say second', '#say fourth']);
});

test('what becomes of sessions is told in the stream of the fleet, to whoever polls and whoever follows', async () => {
  const server = started();
  const { ask, project, url } = server;
  const begin = await ask('poll_events', { stream: 'fleet', timeout_ms: 0 });
  const stopped = new AbortController();
  const following = await fetch(`${url}/api/events?stream=fleet&types=task_completion`, { signal: stopped.signal });
  const reader = following.body?.pipeThrough(new TextDecoderStream()).getReader();
  const made = await ask('create_new_agent_task', {
    prompt: '#slow 60 50\n#say done',
    workspace_name: project,
    template_name: 'scripted',
  });
  const { id } = objectIn(made, 'data');
  let after = begin.cursor;
  const told: Record<string, unknown>[] = [];
  await eventually(async () => {
    const page = await ask('poll_events', { stream: 'fleet', after, timeout_ms: 1000, agent_ids: [id] });
    after = page.cursor;
    told.push(...listIn(page, 'events'));
    return told.length >= 2;
  }, 30_000);
  assert.deepEqual(
    told.map(({ type, severity }) => [type, severity]),
    [
      ['agent_connected', 'info'],
      ['task_completed', 'info'],
    ],
  );
  const [first] = told;
  assert.deepEqual([first?.agentId, first?.provider, first?.stream], [id, 'local', 'fleet']);
  assert.ok(!Number.isNaN(Date.parse(String(first?.timestamp))));
  assert.ok(!('caller' in Object(first)));
  let streamed = '';
  while (!streamed.includes('task_completed')) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    assert.equal(done, false, streamed);
    streamed += value;
  }
  assert.ok(!streamed.includes('agent_connected'));
  stopped.abort();
});

test('agents have their routes over HTTP', async () => {
  const server = started();
  const { http, project } = server;
  const made = await http('POST', '/api/agents', {
    prompt: '#say hi',
    workspace_name: project,
    template_name: 'scripted',
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const id = String(objectIn(made.body, 'data').id);
  const statuses = async (...requests: [method: string, path: string, body?: object][]) => {
    const found: number[] = [];
    for (const [method, path, body] of requests) found.push((await http(method, path, body)).status);
    return found;
  };
  assert.deepEqual(
    await statuses(
      ['GET', '/api/agents?status=all&limit=5'],
      ['GET', `/api/agents/${id}?include_logs=true`],
      ['GET', `/api/agents/${id}/logs?limit=5`],
      ['POST', `/api/agents/${id}/input`, { input_text: '#say more' }],
      ['POST', `/api/agents/${id}/interrupt`],
      ['POST', `/api/agents/${id}/pause`],
      ['GET', '/api/fleet/status'],
      ['DELETE', `/api/agents/workspaces/${id}`],
      ['GET', '/api/agents?status=bad'],
      ['GET', '/api/agents?provider=codegen'],
    ),
    [200, 200, 200, 202, 202, 422, 200, 202, 400, 503],
  );
});
