import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startFakeCodegen } from '../support/fake-codegen/fake-codegen.ts';
import { sessionServer } from '../support/session-server.ts';
import { listIn, objectIn } from './fleet-server.ts';

test('runs of Codegen are agents: listed, created, given input, and not deleted', async () => {
  const fake = await startFakeCodegen();
  try {
    await using server = await sessionServer({
      env: { CODEGEN_API_TOKEN: fake.token, CODEGEN_ORG_ID: String(fake.orgId), CODEGEN_BASE_URL: fake.origin },
      args: ['--toolsets', 'fleet'],
    });
    const { ask } = server;
    const done = fake.runs.add({ status: 'COMPLETE', result: 'all well' });
    const active = fake.runs.add({ status: 'ACTIVE' });
    for (const name of ['acme/site', 'acme/other']) fake.runs.addRepo(name);
    const agents = listIn(await ask('list_all_agents', { provider: 'codegen' }), 'agents');
    assert.deepEqual(
      agents.map(({ id, status, provider }) => [id, status, provider]),
      [
        [String(active.id), 'busy', 'codegen'],
        [String(done.id), 'idle', 'codegen'],
      ],
    );
    const sent = await ask('send_input_to_agent', { agent_id: String(done.id), input_text: 'go on' });
    assert.equal(objectIn(sent, 'data').status, 'sent', JSON.stringify(sent));
    const queued = await ask('send_input_to_agent', { agent_id: String(active.id), input_text: 'then this' });
    const { status, task_id } = objectIn(queued, 'data');
    assert.equal(status, 'queued');
    fake.runs.change(active.id, { status: 'COMPLETE' });
    await eventually(
      async () => (await ask('task_get_result', { task_id, wait_seconds: 5 })).status === 'completed',
      30_000,
    );
    assert.equal(fake.runs.promptsOf(active.id).filter(prompt => prompt === 'then this').length, 1);
    const made = await ask('create_new_agent_task', { prompt: 'plan it', workspace_name: 'acme/site' });
    assert.equal(made.delivery, 'created', JSON.stringify(made));
    fake.troubles.next('createRun', { status: 402, body: { message: 'No runs left', status_code: 402 } });
    const spent = await ask('create_new_agent_task', { prompt: 'plan it', workspace_name: 'acme/other' });
    assert.deepEqual([spent.httpStatus, spent.code, spent.error], [402, 'PLAN_LIMIT_REACHED', 'No runs left']);
    assert.match(String(spent.hint), /upgrade the plan/);
    const vanished = await ask('get_agent_details_by_id', { agent_id: '4' });
    assert.deepEqual([vanished.httpStatus, vanished.code], [404, 'AGENT_NOT_FOUND']);
    assert.match(String(vanished.hint), /list_all_agents/);
    const refused = await ask('delete_agent_workspace', { workspace_id: String(done.id) });
    assert.equal(refused.code, 'CAPABILITY_UNSUPPORTED');
  } finally {
    await fake.close();
  }
});
