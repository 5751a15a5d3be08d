import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { codegenBench } from '../support/codegen-bench.ts';
import { codegenServer } from '../support/codegen-server.ts';
import { eventually } from '../support/eventually.ts';

const answered = z.looseObject({
  status: z.string().optional(),
  cancelled: z.boolean().optional(),
  tasks: z.array(z.unknown()).optional(),
});

test('a creation whose answer is lost is found by its task, and is not made twice', async () => {
  await using stage = await codegenBench();
  stage.fake.troubles.next('createRun', { cuts: 'after' });
  const made = await stage.ok('new', { query: 'x' });
  assert.deepEqual([made.agent_run_id, made.state], [12345, 'active']);
  assert.equal(stage.fake.requests.count('createRun'), 1);
});

test('a creation that is nowhere to be found is interrupted, and its key does not make another one', async () => {
  await using stage = await codegenBench();
  const { fake } = stage;
  fake.troubles.next('createRun', { status: 502, body: { message: 'bad gateway', status_code: 502 } });
  const args = { query: 'x', idempotency_key: 'once' };
  const lost = await stage.command('new', args);
  assert.deepEqual([lost.status, lost.body.code], [504, 'NETWORK_ERROR']);
  const id = /"task_id":"([0-9a-f-]{36})"/.exec(JSON.stringify(lost.body.details))?.[1];
  const task = await stage.ok('task_status', { task_id: id });
  assert.equal(task.state, 'interrupted');
  assert.match(String(task.error), /not known whether the run was created/);
  assert.deepEqual((await stage.command('new', args)).body, lost.body);
  assert.equal(fake.requests.count('createRun'), 1);
});

test('a resume whose answer is lost is seen by the run going on', async () => {
  await using stage = await codegenBench();
  stage.fake.runs.add({ id: 7, status: 'COMPLETE', result: 'before' });
  stage.fake.troubles.next('resumeRun', { cuts: 'after' });
  const resumed = await stage.ok('resume', { agent_run_id: 7, query: 'x' });
  assert.equal(resumed.state, 'active');
  assert.equal(stage.fake.requests.count('resumeRun'), 1);
});

test('what upstream still tells of the end before a resume is not taken for the end after it', async () => {
  await using stage = await codegenBench();
  const { runs } = stage.fake;
  runs.add({ id: 7, status: 'COMPLETE', result: 'before' });
  runs.onStarted = () => runs.change(7, { status: 'COMPLETE', result: 'before' });
  const { task_id } = await stage.ok('resume', { agent_run_id: 7, query: 'x' });
  const looks = stage.fake.requests.count('getRun');
  await eventually(() => stage.fake.requests.count('getRun') > looks + 1, 30_000);
  assert.equal((await stage.ok('task_status', { task_id })).state, 'active');
  runs.change(7, { result: 'after' });
  const ended = await stage.ok('task_status', { task_id, wait_seconds: 60 });
  assert.deepEqual([ended.state, ended.result], ['completed', 'after']);
});

test('a hub that is killed between the creation upstream and its record neither loses the run nor doubles it', async () => {
  await using server = await codegenServer();
  const { fake } = server;
  const args = { query: 'x', idempotency_key: 'k' };
  const killed = Promise.withResolvers<void>();
  fake.runs.onStarted = () => {
    fake.runs.onStarted = () => {};
    server.server.child.kill('SIGKILL');
    killed.resolve();
  };
  const cut = server.command('new', args).catch(() => undefined);
  await killed.promise;
  await cut;
  await server.restart('kill');
  const again = await server.ok('new', args);
  assert.equal(again.agent_run_id, 12345);
  assert.equal(fake.requests.count('createRun'), 1);
  assert.equal(fake.runs.all().length, 1);
  assert.deepEqual(await server.ok('new', args), again);
  const listed = await server.ok('list');
  assert.ok(Array.isArray(listed.items));
  assert.deepEqual(
    listed.items.map(({ id, task_id }) => [id, task_id]),
    [[12345, again.task_id]],
  );
  fake.runs.change(12345, { status: 'COMPLETE', result: 'done' });
  assert.equal((await server.until(again.task_id, 'completed')).result, 'done');
});

test('a hub that is killed between a start without a key, or a resume, and its record loses neither', async () => {
  await using server = await codegenServer();
  const { fake } = server;
  /** Kills the server while the service has done what it was asked, and not said so. */
  const killedBy = async (name: string, args: Record<string, unknown>) => {
    const killed = Promise.withResolvers<void>();
    fake.runs.onStarted = () => {
      fake.runs.onStarted = () => {};
      server.server.child.kill('SIGKILL');
      killed.resolve();
    };
    const cut = server.command(name, args).catch(() => undefined);
    await killed.promise;
    await cut;
    await server.restart('kill');
  };
  await killedBy('new', { query: 'x', metadata: { mine: 1 } });
  const run = 12345;
  const taskOf = async () => {
    const { items } = await server.ok('list');
    return Array.isArray(items) ? items.find(({ id }) => id === run)?.task_id : undefined;
  };
  await eventually(async () => typeof (await taskOf()) === 'string', 60_000);
  const first = await taskOf();
  fake.runs.change(run, { status: 'COMPLETE', result: 'one' });
  assert.equal((await server.until(first, 'completed')).result, 'one');
  await killedBy('resume', { agent_run_id: run, query: 'more' });
  await eventually(async () => (await taskOf()) !== first, 60_000);
  fake.runs.change(run, { status: 'COMPLETE', result: 'two' });
  assert.equal((await server.until(await taskOf(), 'completed')).result, 'two');
  assert.equal((await server.ok('task_status', { task_id: first })).result, 'one');
  assert.deepEqual([fake.requests.count('createRun'), fake.requests.count('resumeRun')], [1, 1]);
});

test('a resumed run has a new task, and the older one keeps its result', async () => {
  await using stage = await codegenBench();
  const { runs } = stage.fake;
  const { task_id: first, agent_run_id } = await stage.ok('new', { query: 'x' });
  runs.change(Number(agent_run_id), { status: 'COMPLETE', result: 'one' });
  const ended = await stage.ok('task_status', { task_id: first, wait_seconds: 60 });
  const { task_id: second } = await stage.ok('resume', { agent_run_id, query: 'more' });
  runs.change(Number(agent_run_id), { status: 'FAILED' });
  assert.equal((await stage.ok('task_status', { task_id: second, wait_seconds: 60 })).state, 'failed');
  assert.deepEqual(await stage.ok('task_status', { task_id: first }), ended);
  assert.equal((await stage.ok('task_status', { agent_run_id })).task_id, second);
});

test('without prompt_context the prompt is what was asked alone', async () => {
  await using stage = await codegenBench({ codegen: { prompt_context: false } });
  await stage.ok('new', { query: 'x', task: 'T', branch: 'b', pr: 1 });
  assert.deepEqual(stage.fake.runs.promptsOf(12345), ['x']);
});

test('the task tools and routes serve these tasks, and cancelling stops the run', async () => {
  await using stage = await codegenBench();
  const { fake, url } = stage;
  const { task_id } = await stage.ok('new', { query: 'x' });
  const ask = async (method: string, path: string) =>
    answered.parse(await (await fetch(`${url}${path}`, { method })).json());
  assert.deepEqual((await ask('GET', `/api/tasks/${task_id}`)).status, 'running');
  assert.equal((await ask('GET', '/api/tasks?toolset=codegen')).tasks?.length, 1);
  const cancelled = await ask('DELETE', `/api/tasks/${task_id}`);
  assert.deepEqual([cancelled.cancelled, cancelled.status], [true, 'cancelled']);
  assert.equal(fake.requests.count('stopRun'), 1);
  const task = await stage.ok('task_status', { task_id });
  assert.equal(task.state, 'cancelled');
  assert.match(String(task.error), /^Cancelled/);
  const other = await stage.ok('new', { query: 'y' });
  fake.runs.change(Number(other.agent_run_id), { status: 'COMPLETE', result: 'first' });
  assert.equal((await ask('DELETE', `/api/tasks/${other.task_id}`)).cancelled, false);
  assert.equal((await stage.ok('task_status', { task_id: other.task_id })).result, 'first');
});

test('an orchestrator is given as an argument or in the metadata, as a number or digits, and not as two', async () => {
  await using stage = await codegenBench();
  const both = await stage.command('new', {
    query: 'x',
    orchestrator_run_id: 5,
    metadata: { orchestrator_run_id: '6' },
  });
  assert.deepEqual([both.status, both.body.code], [400, 'VALIDATION_ERROR']);
  const child = await stage.ok('new', { query: 'x', metadata: { orchestrator_run_id: '12345' } });
  assert.equal(child.orchestrator_run_id, 12345);
  const task = await stage.ok('task_status', { task_id: child.task_id });
  assert.deepEqual(task.delivery, { orchestrator_run_id: 12345, state: 'waiting', at: null, error: null });
  const children = await stage.ok('list', { orchestrator_run_id: 12345 });
  assert.equal(children.total, 1);
});

test('a status that is not known is active and shown, and a run without a task here is told of', async () => {
  await using stage = await codegenBench();
  stage.fake.runs.add({ id: 9, status: 'DREAMING', metadata: null });
  const strange = await stage.ok('task_status', { agent_run_id: '9' });
  assert.deepEqual([strange.task_id, strange.state, strange.upstream_status], [null, 'active', 'DREAMING']);
  assert.equal((await stage.ok('list', { status: 'DREAMING' })).total, 1);
});

test('when repositories cannot be looked up the run starts all the same, with a warning', async () => {
  await using stage = await codegenBench();
  stage.fake.troubles.always('listRepos', { status: 404, body: { message: 'No repos found', status_code: 404 } });
  const made = await stage.ok('new', { query: 'x', repo: 'a/b' });
  assert.ok(Array.isArray(made.warnings));
  assert.match(String(made.warnings[0]), /could not be looked up/);
});
