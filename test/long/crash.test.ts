import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { leftovers } from '../support/leftovers.ts';
import { runCli, type RunningServer, scratchDirectory, startServer } from '../support/server.ts';

/** 100 for the long form, `npm run test:crash`. */
const ROUNDS = Number(process.env.BOXSWAIN_TEST_ROUNDS ?? 3);
const CLIENTS = 4;

type Json = Record<string, unknown>;

/** What callers were told before the crash, and may rely on after it. */
interface Promised {
  readonly finished: Map<string, string>;
  readonly accepted: Set<string>;
  readonly created: Map<string, string>;
}

async function operate(server: RunningServer, tool: string, args: Json): Promise<Json> {
  const response = await fetch(`${server.url}/api/operations/${tool}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return Object(await response.json());
}

/** Creates, runs, writes and deletes until the server is gone; remembers every answer. */
async function load(server: RunningServer, promised: Promised, label: string): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `${label}-${i}`;
    try {
      const { workspace_id } = await operate(server, 'workspace_create', { idempotency_key: key });
      if (typeof workspace_id !== 'string') continue;
      promised.created.set(key, workspace_id);
      const command = `echo ${key} > f; sleep 0.0$((RANDOM % 9)); cat f`;
      const { task_id } = await operate(server, 'run_command', { workspace_id, command, wait_seconds: 0 });
      if (typeof task_id === 'string') promised.accepted.add(task_id);
      await operate(server, 'fs_write', { workspace_id, path: 'more', content: key });
      const { done, result } = await operate(server, 'task_get_result', { task_id, wait_seconds: 10 });
      if (done === true && typeof task_id === 'string') promised.finished.set(task_id, JSON.stringify(result));
      if (i % 3 === 0) {
        await operate(server, 'workspace_delete', { workspace_id });
        promised.created.delete(key);
      }
    } catch {
      return;
    }
  }
}

test(`kill -9 at random points, ${ROUNDS} rounds: nothing is left behind, lost, doubled or made up`, async () => {
  const scratch = await scratchDirectory();
  const promised: Promised = { finished: new Map(), accepted: new Set(), created: new Map() };
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startServer({ directory: scratch.path, env: { BOXSWAIN_WORKER_SLOTS: '10000' } });
    await checkPromises(server, promised);
    const clients = Array.from({ length: CLIENTS }, (_, i) => load(server, promised, `${round}-${i}`));
    await delay(100 + Math.random() * 1500);
    await server.kill();
    await Promise.all(clients);
  }
  const last = await startServer({ directory: scratch.path, env: { BOXSWAIN_WORKER_SLOTS: '10000' } });
  await checkPromises(last, promised);
  assert.ok(promised.finished.size > 0, 'the load did something');
  for (const workspace_id of promised.created.values()) await operate(last, 'workspace_delete', { workspace_id });
  await last.stop();
  assert.deepEqual(await leftovers(scratch.path), []);
  const doctor = await runCli(['doctor', '--json', '--directory', scratch.path]);
  const records = Object(JSON.parse(doctor.stdout)).checks.find((check: { name: string }) => check.name === 'records');
  assert.equal(records.state, 'ok', records.detail);
  await scratch.remove();
});

async function checkPromises(server: RunningServer, { finished, accepted, created }: Promised): Promise<void> {
  assert.deepEqual(await leftovers(scratchOf(server), server.child.pid), [], 'nothing of the earlier process is left');
  for (const [task_id, result] of [...finished].slice(-20)) {
    const answer = await operate(server, 'task_get_result', { task_id });
    assert.equal(JSON.stringify(answer.result), result, 'a finished task is intact');
  }
  for (const task_id of [...accepted].slice(-20)) {
    if (finished.has(task_id)) continue;
    const answer = await operate(server, 'task_get_result', { task_id, wait_seconds: 30 });
    const isTrue =
      answer.done === true || ['TASK_INTERRUPTED', 'TASK_CANCELLED', 'SANDBOX_DIED'].includes(String(answer.code));
    assert.ok(isTrue, `an accepted task tells how it ended: ${JSON.stringify(answer)}`);
  }
  for (const [idempotency_key, workspace_id] of [...created].slice(-10)) {
    const again = await operate(server, 'workspace_create', { idempotency_key });
    assert.equal(again.workspace_id, workspace_id, 'the same key gives the same workspace');
  }
}

const scratchOf = (server: RunningServer): string => server.directory;
