import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../support/server.ts';
import { fleetServer } from './fleet-server.ts';

test('the commands of the fleet do what their tools do', async () => {
  await using fleet = await fleetServer();
  const { coder, server } = fleet;
  const task = coder.fleet.addTask({ name: 'mend' });
  const cli = async (...words: string[]) => {
    const ran = await runCli(['fleet', ...words, '--directory', server.server.directory]);
    return { ...ran, json: ran.stdout.startsWith('{') ? JSON.parse(ran.stdout) : undefined };
  };
  assert.equal((await cli('list', '--all', '--user', 'alice', '--json')).json.agents[0].id, task.id);
  assert.equal((await cli('status', '--json')).json.agents_idle, 1);
  assert.ok(Array.isArray((await cli('show', task.id, '--logs', '--json')).json.logs));
  assert.equal((await cli('logs', task.id, '--limit', '5', '--json')).json.success, true);
  assert.equal((await cli('send', task.id, 'run the tests', '--json')).json.data.status, 'sent');
  const made = ['--workspace', 'new-one', '--prompt', 'go', '--template', 'python-dev', '--param', 'cpus=2'];
  const created = await cli('create', ...made, '--json');
  assert.equal(created.json?.delivery, 'created', created.stderr);
  const refused = await cli('delete', task.workspaceId ?? '');
  assert.deepEqual([refused.code, refused.stderr.includes('--yes')], [2, true]);
  assert.equal((await cli('delete', task.workspaceId ?? '', '--yes', '--json')).json.success, true);
  const missing = await cli('show', 'nobody');
  assert.deepEqual(
    [missing.code, missing.stderr.split('\n')[0]],
    [3, 'error: Agent not found: nobody [AGENT_NOT_FOUND]'],
  );
});
