import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BoxGroups } from '../support/box-groups.ts';
import { handlesOf, Promises } from '../support/crash-load.ts';
import { operate } from '../support/operations-api.ts';
import { leftovers } from '../support/leftovers.ts';
import { runCli, type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

/** 100 for the long form, `npm run test:crash`. */
const ROUNDS = Number(process.env.BOXSWAIN_TEST_ROUNDS ?? 2);
const EXTRA_ROUNDS = 20;
const CLIENTS = 4;
/** Nothing may go because it was unused while the test runs. */
const TTL_SECONDS = 86_400;

/** Creates, runs, forks, writes and deletes until the server is gone. */
async function load(server: RunningServer, promises: Promises, label: string): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `${label}-${i}`;
    try {
      const { workspace_id, task_id } = await beginWork(server, promises, { key, isFresh: i % 3 === 1 });
      await operate(server.url, 'fs_write', { workspace_id, path: 'more', content: key });
      const { done, result } = await operate(server.url, 'task_get_result', { task_id, wait_seconds: 10 });
      if (done === true) promises.finished.set(task_id, JSON.stringify(result));
      if (i % 4 === 2) {
        const args = { idempotency_key: `${key}-fork`, workspace_id, count: 2 };
        const forks = await promises.make(server, { tool: 'workspace_fork', args });
        for (const id of handlesOf(forks).workspaces) await promises.delete(server, id);
      }
      if (i % 3 === 0) await promises.delete(server, workspace_id);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return;
    }
  }
}

/** A task that leaves a line in its workspace each time it runs; in a workspace made for it, or one that it makes itself. */
async function beginWork(
  server: RunningServer,
  promises: Promises,
  { key, isFresh }: { key: string; isFresh: boolean },
): Promise<{ workspace_id: string; task_id: string }> {
  const create = { tool: 'workspace_create', args: { idempotency_key: `${key}-create`, ttl_seconds: TTL_SECONDS } };
  const where = isFresh ? {} : { workspace_id: handlesOf(await promises.make(server, create)).workspaces[0] };
  const command = `echo ${key} >> f; sleep 0.0$((RANDOM % 9)); cat f`;
  const args = { idempotency_key: `${key}-run`, command, wait_seconds: 0, ...where };
  const { task_id = '', workspaces } = handlesOf(await promises.make(server, { tool: 'run_command', args }));
  return { task_id, workspace_id: workspaces[0] ?? '' };
}

test(`kill -9 at random points, ${ROUNDS} rounds: nothing is left behind, lost, doubled or made up`, async context => {
  const scratch = await scratchDirectory();
  const boxes = await BoxGroups.of(scratch.path);
  const promises = new Promises();
  const killed: number[] = [];
  let repeated = 0;
  const start = () => startServer({ directory: scratch.path, env: { BOXSWAIN_WORKER_SLOTS: '10000' } });
  const check = async (server: RunningServer) => {
    await checkNothingIsLeft(server, { boxes, killed });
    await checkPromises(server, promises);
    repeated += await promises.repeat(server);
    await checkNothingIsDoubled(server, promises);
  };
  const hasDoneAll = () => promises.finished.size > 0 && repeated > 0 && boxes.count > 0;
  // A kill may meet no call in flight, or come before anything has ended: then the rounds go on until all of it has happened.
  for (let round = 0; round < ROUNDS || (!hasDoneAll() && round < ROUNDS + EXTRA_ROUNDS); round++) {
    const server = await start();
    await check(server);
    const clients = Array.from({ length: CLIENTS }, (_, i) => load(server, promises, `${round}-${i}`));
    await delay(100 + Math.random() * 1500);
    await server.kill();
    killed.push(server.child.pid ?? 0);
    await Promise.all(clients);
  }
  const last = await start();
  await check(last);
  context.diagnostic(`${promises.answered.length} calls, ${repeated} of them repeated, ${boxes.count} boxes`);
  assert.ok(hasDoneAll(), 'the load did something');
  for (const id of [...promises.living]) await promises.delete(last, id);
  await last.stop();
  assert.deepEqual(await leftovers(scratch.path), []);
  assert.deepEqual([await boxes.recorded(), await boxes.left()], [[], []]);
  boxes.close();
  const doctor = await runCli(['doctor', '--json', '--directory', scratch.path]);
  const records = Object(JSON.parse(doctor.stdout)).checks.find((one: { name: string }) => one.name === 'records');
  assert.equal(records.state, 'ok', records.detail);
  await scratch.remove();
});

/** A server that has started has cleared away what those before it left. */
async function checkNothingIsLeft(
  server: RunningServer,
  { boxes, killed }: { boxes: BoxGroups; killed: readonly number[] },
): Promise<void> {
  assert.deepEqual(await leftovers(server.directory, server.child.pid), [], 'no process and no mount');
  assert.deepEqual(await boxes.left(), [], 'no control group');
  const places = ['/tmp', join(server.directory, 'workspaces')];
  const names = (await Promise.all(places.map(place => readdir(place)))).flat();
  const ofTheDead = names.filter(name =>
    killed.some(pid => name.startsWith(`bx-${pid}-`) || name.startsWith(`runtime-${pid}-`)),
  );
  assert.deepEqual(ofTheDead, [], 'no folder');
}

async function checkPromises(server: RunningServer, { finished, accepted, answered, living }: Promises): Promise<void> {
  for (const [task_id, result] of [...finished].slice(-20)) {
    const answer = await operate(server.url, 'task_get_result', { task_id });
    assert.equal(JSON.stringify(answer.result), result, 'a finished task is intact');
  }
  for (const task_id of [...accepted.keys()].slice(-20)) {
    if (finished.has(task_id)) continue;
    const answer = await operate(server.url, 'task_get_result', { task_id, wait_seconds: 30 });
    const isTrue =
      answer.done === true || ['TASK_INTERRUPTED', 'TASK_CANCELLED', 'SANDBOX_DIED'].includes(String(answer.code));
    assert.ok(isTrue, `an accepted task tells how it ended: ${JSON.stringify(answer)}`);
  }
  for (const { call, handles } of answered.slice(-20)) {
    if (![...handlesOf(call.args).workspaces, ...handles.workspaces].every(id => living.has(id))) continue;
    const again = await operate(server.url, call.tool, call.args);
    assert.deepEqual(handlesOf(again), handles, 'the same key gives the same answer');
  }
}

/** Every workspace that callers know of is there, and no other; each has had its one task, which ran at most once. */
async function checkNothingIsDoubled(server: RunningServer, promises: Promises): Promise<void> {
  const { living, leaving, accepted } = promises;
  for (const id of [...leaving]) await promises.delete(server, id);
  const { total } = await operate(server.url, 'workspace_list', { limit: 1 });
  assert.equal(total, living.size, 'no workspace is lost, none is doubled');
  for (const [task_id, workspace_id] of [...accepted].slice(-10)) {
    if (!living.has(workspace_id)) continue;
    const { done } = await operate(server.url, 'task_get_result', { task_id, wait_seconds: 30 });
    const { tasks } = await operate(server.url, 'task_list', { workspace_id });
    const runs = Array.isArray(tasks) ? tasks.filter(task => task.operation === 'run_command') : [];
    assert.deepEqual(
      runs.map(run => run.task_id),
      [task_id],
      'one call makes one task',
    );
    const { content } = await operate(server.url, 'fs_read', { workspace_id, path: 'f' });
    const lines = typeof content === 'string' ? content.split('\n').filter(line => line !== '').length : 0;
    assert.ok(done === true ? lines === 1 : lines <= 1, `a task runs once, and left ${lines} lines`);
  }
}
