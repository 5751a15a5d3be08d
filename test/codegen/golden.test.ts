import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { examples } from '../requirements/codegen/examples.ts';
import { type CodegenServer, codegenServer, post } from '../support/codegen-server.ts';
import { commandLine } from '../support/command-line.ts';
import { runCli } from '../support/server.ts';
import { connectWire, wireNames } from '../support/wires.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** One for all tests that need no other. */
let shared: CodegenServer | undefined;
before(async () => {
  shared = await codegenServer();
});
after(() => shared?.[Symbol.asyncDispose]());

/** As if nobody had used the service. */
function begun(): CodegenServer {
  const server = shared ?? assert.fail('the server did not start');
  server.fake.runs.clear();
  server.fake.requests.clear();
  return server;
}

const branch = 'codegen-bot/code-quality-analysis-plan-1754927688';
const planned = {
  repo: 'Zeeeepa/codegen.py',
  branch,
  pr: 9,
  task: 'CREATE_PLAN',
  query: 'Create a comprehensive plan to properly structure codebase',
  metadata: { custom_field: 'custom_value' },
};

test('golden case 1: new starts a run, and 3: task_status follows it to its result', async () => {
  const server = begun();
  server.fake.runs.addRepo('Zeeeepa/codegen.py');
  const answer = await server.command('new', planned);
  assert.equal(answer.status, 200);
  const { task_id, ...started } = answer.body;
  assert.match(String(task_id), UUID);
  const metadata = {
    custom_field: 'custom_value',
    command: 'new',
    repo: 'Zeeeepa/codegen.py',
    branch,
    pr: 9,
    task_type: 'CREATE_PLAN',
  };
  assert.deepEqual(started, {
    status: 'success',
    agent_run_id: 12345,
    state: 'active',
    web_url: 'https://codegen.com/runs/12345',
    metadata,
    orchestrator_run_id: null,
  });
  const [sent] = server.fake.requests.all.filter(({ kind }) => kind === 'createRun');
  assert.deepEqual(sent?.body, {
    prompt: `${planned.query}\n\nRepository: Zeeeepa/codegen.py\nBranch: ${branch}\nPull request: #9\nTask: CREATE_PLAN`,
    metadata: { ...metadata, task_id },
    repo_id: 1,
  });
  server.fake.runs.change(12345, { status: 'COMPLETE', result: 'The comprehensive plan has been created...' });
  const task = await server.until(task_id, 'completed');
  assert.equal(task.result, 'The comprehensive plan has been created...');
  assert.equal(task.error, null);
  assert.match(String(task.created_at), TIME);
  assert.match(String(task.completed_at), TIME);
  assert.deepEqual([task.agent_run_id, task.upstream_status, task.metadata], [12345, 'COMPLETE', metadata]);
});

test('golden case 2: resume goes on with a complete run, and refuses one that is active', async () => {
  const server = begun();
  server.fake.runs.add({ id: 11745, status: 'COMPLETE', result: 'first' });
  const args = {
    agent_run_id: 11745,
    task: 'ANALYZE',
    query: 'Analyze frontend of the codebase',
    metadata: { custom_field: 'custom_value' },
  };
  const { task_id, ...resumed } = await server.ok('resume', args);
  assert.match(String(task_id), UUID);
  assert.deepEqual(resumed, {
    status: 'success',
    agent_run_id: 11745,
    state: 'active',
    web_url: 'https://codegen.com/runs/11745',
    metadata: { custom_field: 'custom_value', command: 'resume', task_type: 'ANALYZE' },
    orchestrator_run_id: null,
  });
  assert.deepEqual(server.fake.runs.promptsOf(11745), ['Analyze frontend of the codebase']);
  const refused = await server.command('resume', args);
  assert.equal(refused.status, 409);
  assert.deepEqual(
    [refused.body.status, refused.body.error, refused.body.details, refused.body.code],
    [
      'error',
      'Agent run 11745 is not in a resumable state',
      "Current status: ACTIVE. Only agent runs with status 'COMPLETE' can be resumed.",
      'RUN_NOT_RESUMABLE',
    ],
  );
  assert.equal(server.fake.requests.count('resumeRun'), 1);
});

test('golden cases 4 and 5: list finds runs by status and repository, logs gives what a run did', async () => {
  const server = begun();
  const { runs } = server.fake;
  runs.add({ metadata: null, status: 'ACTIVE' });
  runs.add({ id: 13000, metadata: { repo: 'Zeeeepa/codegen.py', task_type: 'CREATE_PLAN' } });
  runs.add({ metadata: { repo: 'Zeeeepa/codegen.py' }, status: 'COMPLETE' });
  const list = await server.ok('list', { status: 'running', limit: 20, repo: 'Zeeeepa/codegen.py' });
  const { items, ...totals } = list;
  assert.deepEqual(totals, { status: 'success', total: 1, page: 1, size: 20, pages: 1, complete: true });
  assert.ok(Array.isArray(items));
  assert.deepEqual(
    items.map(({ id, status, metadata, web_url }) => ({ id, status, metadata, web_url })),
    [
      {
        id: 13000,
        status: 'ACTIVE',
        metadata: { repo: 'Zeeeepa/codegen.py', task_type: 'CREATE_PLAN' },
        web_url: 'https://codegen.com/runs/13000',
      },
    ],
  );
  const entry = {
    created_at: '2025-08-12T12:34:56.789Z',
    tool_name: 'ripgrep_search',
    message_type: 'ACTION',
    thought: 'search',
    observation: { status: 'success', results: ['Found 3 matches...'] },
    tool_input: { query: 'function' },
    tool_output: { matches: 3, files: ['src/user.js'] },
  };
  runs.addLogs(13000, ...Array.from({ length: 25 }, () => entry));
  const logs = await server.ok('logs', { agent_run_id: 13000, skip: 0, limit: 100 });
  assert.ok(Array.isArray(logs.logs));
  assert.deepEqual(logs.logs[0], { agent_run_id: 13000, ...entry });
  assert.deepEqual([logs.total_logs, logs.page, logs.size, logs.pages, logs.logs.length], [25, 1, 100, 1, 25]);
});

test('golden cases 6 and 7, failure 11: config keeps a token, uses it at once, and never shows it whole', async () => {
  await using server = await codegenServer({ env: { CODEGEN_API_TOKEN: '' } });
  const before = await server.command('new', { query: 'x' });
  assert.deepEqual(
    [before.status, before.body.code, before.body.error],
    [503, 'NOT_CONFIGURED', 'API token not configured'],
  );
  const missing = await server.command('config', { action: 'get', key: 'api_token' });
  assert.deepEqual([missing.status, missing.body.code], [404, 'CONFIG_NOT_FOUND']);
  for (const { request, response } of [examples.config_set, examples.config_get])
    assert.deepEqual((await post(server.url, request)).body, JSON.parse(response));
  assert.equal((await server.command('list')).body.code, 'AUTHENTICATION_FAILED');
  await server.ok('config', { action: 'set', key: 'api_token', value: server.fake.token });
  assert.equal((await server.command('list')).status, 200);
  const { mode } = await stat(join(String(server.env.BOXSWAIN_CONFIG_DIR), 'config.json'));
  assert.equal(mode & 0o777, 0o600);
  await server.restart('stop');
  assert.equal((await server.command('list')).status, 200);
});

test('the same arguments give the same object on every wire and under every name', async () => {
  const server = begun();
  const { fake, url, env, directory } = server;
  fake.runs.add({ id: 7, status: 'COMPLETE', result: 'done', metadata: null });
  const expected = await server.ok('task_status', { agent_run_id: 7 });
  assert.equal(expected.state, 'completed');
  const failure = await server.command('task_status', { agent_run_id: 8 });
  assert.equal(failure.status, 404);
  for (const wire of wireNames) {
    const peer = await connectWire(wire, { url, directory: `${directory}-${wire.slice(-5)}`, env });
    try {
      for (const name of ['codegen_task_status', 'task_status', 'codegenapi_task_status', 'codegenapi_get_agent_run'])
        assert.deepEqual(await peer.ok(name, { agent_run_id: 7 }), expected, `${name} over ${wire}`);
      const failed = await peer.call('codegen_task_status', { agent_run_id: 8 });
      assert.equal(failed.isError, true);
      assert.deepEqual(failed.output, failure.body);
      assert.deepEqual(JSON.parse(failed.text.join('')), failure.body);
    } finally {
      await peer.close();
    }
  }
});

test('the command line takes the flags of the earlier one, in both spellings, and prints what it did', async () => {
  const server = begun();
  const { fake, env, directory } = server;
  fake.runs.addRepo('Zeeeepa/codegen.py');
  const cli = (...args: string[]) => commandLine([...args, '--directory', directory], { env });
  const query = 'Create a comprehensive plan to properly structure codebase';
  // A process of its own, as a user starts it; the others run in this one.
  const words = ['new', '--repo', 'Zeeeepa/codegen.py', '--task', 'CREATE_PLAN', '--query', query];
  const made = await runCli([...words, '--directory', directory], { env });
  assert.equal(made.code, 0, made.stderr);
  const id = fake.runs.all()[0]?.id;
  assert.match(
    made.stdout,
    new RegExp(
      `^Agent run started with ID: ${id}\\nStatus: active\\nWeb URL: https://codegen\\.com/runs/${id}\\nTask: [0-9a-f-]{36}\\n$`,
    ),
  );
  fake.runs.add({ id: 11745, status: 'COMPLETE' });
  const analyze = ['--task', 'ANALYZE', '--query', 'Analyze frontend of the codebase'];
  for (const flag of ['--agent_run_id', '--agent-run-id']) {
    fake.runs.change(11745, { status: 'COMPLETE' });
    const { code, stdout } = await cli('resume', flag, '11745', ...analyze, '--metadata', '{"a":1}');
    assert.equal(code, 0);
    assert.match(stdout, /^Agent run resumed with ID: 11745\nStatus: active\n/);
  }
  const busy = await cli('resume', '--agent_run_id', '11745', ...analyze);
  assert.equal(busy.code, 5);
  assert.match(busy.stderr, /Agent run 11745 is not in a resumable state \[RUN_NOT_RESUMABLE\]/);
  const listed = await cli('list', '--status', 'running', '--limit', '20');
  assert.match(
    listed.stdout,
    new RegExp(
      `^Found 2 agent runs:\\n\\nID: ${id}\\nStatus: ACTIVE\\nCreated: \\S+\\nWeb URL: \\S+\\nRepository: Zeeeepa/codegen\\.py\\nTask: CREATE_PLAN\\n`,
    ),
  );
  fake.runs.addLogs(11745, { message_type: 'ACTION' });
  const logs = await cli('logs', '--agent_run_id', '11745');
  assert.match(logs.stdout, /^Logs for agent run 11745:\n\[/);
  assert.equal((await cli('new', '--query', 'x', '--metadata', 'no json')).code, 2);
  const json = await cli('codegen', 'list', '--json');
  assert.equal(JSON.parse(json.stdout).total, 2);
});
