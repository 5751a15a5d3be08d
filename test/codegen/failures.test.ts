import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { codegenBench } from '../support/codegen-bench.ts';
import { codegenServer, post } from '../support/codegen-server.ts';
import { eventually } from '../support/eventually.ts';
import { HTML_ERROR } from '../support/fake-codegen/troubles.ts';
import { serveLocally } from '../support/local-server.ts';
import { runCli } from '../support/server.ts';

// What the earlier server for Codegen got wrong, by its number in the contract.

test('failure 1: the server serves until it is stopped, and has /sse', async () => {
  await using server = await codegenServer();
  const sse = await fetch(`${server.url}/sse`);
  assert.equal(sse.status, 400);
  assert.match(sse.headers.get('content-type') ?? '', /application\/json/);
  assert.equal((await server.command('list')).status, 200);
  assert.equal(server.server.child.exitCode, null);
  const port = new URL(server.url).port;
  const second = await runCli(
    ['serve', '--host', '127.0.0.1', '--port', port, '--directory', `${server.directory}-2`],
    {
      env: server.env,
    },
  );
  assert.equal(second.code, 7);
  assert.match(second.stderr, new RegExp(`Address already in use: 127\\.0\\.0\\.1:${port}`));
});

test('failure 2: each thing that is wrong has a status of its own, never 200', async () => {
  await using stage = await codegenBench();
  const { url, command, fake } = stage;
  fake.runs.add({ id: 7, status: 'ACTIVE' });
  const seen = async (name: string, args?: Record<string, unknown>) => {
    const { status, body } = await command(name, args);
    return [status, body.status, body.code, body.error];
  };
  const noJson = await post(url, '{"command":');
  assert.deepEqual(
    [noJson.status, noJson.body.error],
    [400, { code: -32700, message: 'Parse error: the request body is not valid JSON' }],
  );
  assert.deepEqual(await seen('fly'), [400, 'error', 'UNKNOWN_COMMAND', 'Unknown command']);
  assert.match(
    String((await command('fly')).body.details),
    /^Command 'fly' is not supported\..*new, resume, task_status, list, logs, config/,
  );
  assert.deepEqual(await seen('new', {}), [400, 'error', 'VALIDATION_ERROR', 'Missing required argument: query']);
  assert.deepEqual(await seen('config', { action: 'drop', key: 'org_id' }), [
    400,
    'error',
    'VALIDATION_ERROR',
    'Unknown action: drop',
  ]);
  const unknown = '550e8400-e29b-41d4-a716-446655440000';
  assert.deepEqual(await seen('task_status', { task_id: unknown }), [
    404,
    'error',
    'TASK_NOT_FOUND',
    `Task ${unknown} not found`,
  ]);
  assert.deepEqual(await seen('task_status', {}), [
    400,
    'error',
    'VALIDATION_ERROR',
    'Missing required argument: task_id',
  ]);
  assert.equal((await command('resume', { agent_run_id: 7, query: 'x' })).status, 409);
  assert.deepEqual(await seen('logs', { agent_run_id: 8 }), [
    404,
    'error',
    'AGENT_RUN_NOT_FOUND',
    'Agent run 8 not found',
  ]);
  const base = await seen('config', { action: 'set', key: 'base_url', value: 'http://127.0.0.1:1' });
  assert.deepEqual(base.slice(0, 3), [403, 'error', 'POLICY_DENIED']);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/sse?task_id=${unknown}`)).status, 404);
  assert.equal((await fetch(`${url}/sse?task_id=x`)).status, 400);
  const form = await fetch(`${url}/mcp`, {
    method: 'POST',
    body: 'command=list',
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(form.status, 415);
});

test('failure 3: tools/list on the same endpoint is answered as MCP', async () => {
  await using stage = await codegenBench();
  const { status, body } = await post(stage.url, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
  assert.equal(status, 200);
  assert.ok(JSON.stringify(body.result).includes('"codegen_new"'));
});

test('failure 4: logs are given from either path, and task_status answers after a restart', async () => {
  await using stage = await codegenBench({ fake: { logPaths: ['plain'] } });
  const { fake, bench } = stage;
  const started = await stage.ok('new', { query: 'x' });
  fake.runs.addLogs(Number(started.agent_run_id), { message_type: 'A_NEW_KIND' });
  const { logs } = await stage.ok('logs', { agent_run_id: String(started.agent_run_id) });
  assert.ok(Array.isArray(logs));
  assert.equal(logs[0].message_type, 'A_NEW_KIND');
  const { caller } = (await bench.store.codegen.get(String(started.task_id))) ?? assert.fail('no record');
  await stage.hub.close();
  fake.runs.change(Number(started.agent_run_id), { status: 'COMPLETE', result: 'done' });
  const codegen = { api_token: fake.token, org_id: fake.orgId, base_url: fake.origin, poll_seconds: 0.05 };
  const next = await bench.hub({ config: { codegen } });
  const call = {
    waitSeconds: 60,
    caller: { id: caller, scopes: new Set(['admin']), teams: new Set<string>() },
    signal: new AbortController().signal,
  };
  const task = await next.codegen.reads.task(String(started.task_id), call);
  assert.deepEqual([task.state, task.result], ['completed', 'done']);
});

test('failure 5: resume goes to the right path, and a refusal upstream is an error', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  fake.runs.add({ id: 7, status: 'COMPLETE' });
  fake.troubles.next('resumeRun', {
    status: 422,
    body: { detail: [{ loc: ['body', 'prompt'], msg: 'too long', type: 'x' }] },
  });
  const refused = await stage.command('resume', { agent_run_id: 7, query: 'x' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'VALIDATION_ERROR']);
  assert.match(JSON.stringify(refused.body.details), /too long/);
  assert.equal((await stage.command('resume', { agent_run_id: 7, query: 'x' })).status, 200);
  assert.equal(fake.requests.count('resumeRun'), 2);
});

test('failure 6: status words mean what they say, a match on the third page is found, and totals are right', async () => {
  await using stage = await codegenBench();
  const { runs } = stage.fake;
  runs.add({ metadata: { repo: 'a/Wanted' }, status: 'EVALUATION' });
  for (let i = 0; i < 250; i += 1) runs.add({ status: 'COMPLETE' });
  const found = await stage.ok('list', { repo: 'A/wanted', status: 'RUNNING' });
  assert.deepEqual([found.total, found.pages, found.complete], [1, 1, true]);
  const page = await stage.ok('list', { limit: 20, skip: 40 });
  assert.deepEqual([page.total, page.page, page.size, page.pages, page.complete], [251, 3, 20, 13, false]);
  const some = await stage.ok('list', { status: 'done', limit: 10 });
  assert.deepEqual([some.complete, some.page, Array.isArray(some.items) && some.items.length], [false, 1, 10]);
});

test('failure 7: metadata arrives upstream, and each answer has a task', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  const made = await stage.ok('new', { query: 'x', metadata: { mine: [1, { deep: null }], command: 'other' } });
  const [sent] = fake.requests.all.filter(({ kind }) => kind === 'createRun');
  assert.deepEqual(sent?.body, {
    prompt: 'x',
    metadata: { mine: [1, { deep: null }], command: 'new', task_id: made.task_id },
  });
  fake.runs.change(Number(made.agent_run_id), { status: 'COMPLETE' });
  const resumed = await stage.ok('resume', { agent_run_id: made.agent_run_id, query: 'more' });
  assert.match(String(resumed.task_id), /^[0-9a-f-]{36}$/);
  assert.notEqual(resumed.task_id, made.task_id);
});

test('failure 8: a request that hangs stops no other, and twenty calls at once are served side by side', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  const gate = Promise.withResolvers<void>();
  fake.runs.add({ id: 7, status: 'COMPLETE', result: 'ok' });
  fake.troubles.next('getRun', { until: gate.promise });
  const hanging = stage.command('task_status', { agent_run_id: 7 });
  await eventually(() => fake.requests.count('getRun') === 1);
  const others = await Promise.all(Array.from({ length: 20 }, () => stage.command('task_status', { agent_run_id: 7 })));
  assert.deepEqual(new Set(others.map(({ status }) => status)), new Set([200]));
  gate.resolve();
  assert.equal((await hanging).status, 200);
});

test('failure 8: nobody answers, and that is NETWORK_ERROR', async () => {
  const gone = await serveLocally(() => {});
  await gone.close();
  await using nobody = await codegenBench({ codegen: { base_url: gone.origin } });
  const { status, body } = await nobody.command('list');
  assert.deepEqual([status, body.code], [504, 'NETWORK_ERROR']);
  assert.match(String(body.error), /^Network error: connection refused/);
  assert.equal(Object(body.details).attempts, 4);
});

test('failure 9: what the service refuses for a while is not repeated earlier, and all it allows is used', async () => {
  await using stage = await codegenBench({ fake: { limit: { requests: 60, perMs: 30_000 } } });
  const { fake } = stage;
  fake.runs.add({ id: 7, status: 'COMPLETE' });
  fake.troubles.next('getRun', {
    status: 429,
    headers: { 'retry-after': '2' },
    body: { message: 'slow', status_code: 429 },
  });
  assert.equal((await stage.command('task_status', { agent_run_id: 7 })).status, 200);
  const [first, second] = fake.requests.all.filter(({ kind }) => kind === 'getRun');
  assert.ok(first && second && second.at - first.at >= 2_000, 'it was asked again too early');
  // A burst beyond that is tried where the window is shorter: limits.test.ts of the client.
  const burst = await Promise.all(Array.from({ length: 58 }, () => stage.command('task_status', { agent_run_id: 7 })));
  assert.ok(burst.every(({ status }) => status === 200));
  assert.equal(fake.requests.all.filter(({ status }) => status === 429).length, 1);
});

test('failure 10: no answer holds a trace or the token, whatever comes from upstream', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  fake.troubles.next('createRun', { status: 400, body: { message: `bad token ${fake.token}`, status_code: 400 } });
  fake.troubles.next('getRun', { status: 500, body: HTML_ERROR });
  fake.troubles.next('listRuns', { lie: () => ({ items: [{ id: 'x' }], total: 1, page: 1, size: 1, pages: 1 }) });
  const answers = [
    await stage.command('new', { query: 'x' }),
    await stage.command('task_status', { agent_run_id: 7 }),
    await stage.command('list'),
    await stage.command('config', { action: 'get', key: 'api_token' }),
  ];
  for (const { body } of answers) {
    const text = JSON.stringify(body);
    assert.ok(!text.includes(fake.token) && !/\bat .+:\d+:\d+|<html/i.test(text), text);
  }
  assert.deepEqual(
    answers.slice(0, 3).map(({ status, body }) => [status, body.code]),
    [502, 502, 502].map(status => [status, 'CODEGEN_API_ERROR']),
  );
});

test('failure 10: the token is in no log, no record and no list of processes', async () => {
  await using server = await codegenServer({ env: { BOXSWAIN_LOG_LEVEL: 'debug' } });
  const { fake } = server;
  const args = { action: 'set', key: 'api_token', value: `${fake.token}-new` };
  fake.troubles.next('listRuns', { status: 401, body: { message: `bad token ${fake.token}`, status_code: 401 } });
  assert.equal((await server.command('list')).body.code, 'AUTHENTICATION_FAILED');
  await server.ok('config', args);
  await server.ok('config', { action: 'get', key: 'api_token' });
  const child = spawnSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' });
  assert.ok(child.stdout.includes(server.directory), 'the server is in the list');
  assert.ok(!child.stdout.includes(fake.token));
  assert.ok(server.server.log().includes('codegen_config'), 'calls are in the log');
  assert.ok(!server.server.log().includes(fake.token));
  await server.server.stop();
  const files = await Array.fromAsync(glob('**/*', { cwd: server.directory, withFileTypes: true }));
  for (const file of files.filter(one => one.isFile()))
    assert.ok(!(await readFile(join(file.parentPath, file.name))).includes(fake.token), file.name);
});

test('failure 13: nothing is made up: a plan that is used up, a token that is refused and a lost repository are errors', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  fake.runs.addRepo('Zeeeepa/codegen.py');
  const missing = await stage.command('new', { query: 'x', repo: 'zeeeepa/codegen.p' });
  assert.deepEqual([missing.status, missing.body.code], [404, 'REPO_NOT_FOUND']);
  assert.match(JSON.stringify(missing.body), /Zeeeepa\/codegen\.py/);
  fake.troubles.next('createRun', { status: 402, body: { message: 'No runs left', status_code: 402 } });
  const spent = await stage.command('new', { query: 'x' });
  assert.deepEqual([spent.status, spent.body.error], [402, 'No runs left']);
  fake.troubles.next('createRun', { status: 403, body: { message: 'no', status_code: 403 } });
  const refused = await stage.command('new', { query: 'x' });
  assert.deepEqual([refused.status, refused.body.error], [502, 'Authentication failed. Check CODEGEN_API_TOKEN.']);
  assert.equal(fake.runs.all().length, 0);
});
