import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCall, fakeHub, taskRecord } from '../../../test/support/fake-hub.ts';
import { AppError } from '../../errors/app-error.ts';
import type { TaskRecord } from '../../store/rows.ts';
import { type InvokeCall, invoke } from '../invoke.ts';
import { findOperation } from '../registry.ts';

function setUp(task: TaskRecord, afterWaiting: TaskRecord = task) {
  const waited: number[] = [];
  const hub = fakeHub({
    tasks: {
      get: async () => task,
      wait: async (_id, seconds) => {
        waited.push(seconds);
        return afterWaiting;
      },
      cancel: async (_id, reason) => ({ cancelled: reason === 'enough', task: { ...task, status: 'cancelled' } }),
      list: async query => ({ rows: query.status === 'queued' ? [task] : [], nextCursor: 'next' }),
    },
  });
  const call = async (name: string, args: Record<string, unknown>, more: Partial<InvokeCall> = {}) => {
    const operation = findOperation(name);
    assert.ok(operation);
    return invoke(operation, args, fakeCall(hub, more));
  };
  return { call, waited };
}

const completed = taskRecord({
  status: 'completed',
  result: { output: { exit_code: 0, stdout: 'hi', status: 'completed' }, text: ['Exit Code: 0'] },
});
const id = completed.id;

test('the result of a completed task is its output with handles, and its text', async () => {
  const { call, waited } = setUp(completed);
  const { output, text } = await call('task.get_result', { task_id: id, wait_seconds: 5 });
  assert.deepEqual(output, {
    task_id: id,
    status: 'completed',
    done: true,
    result: { exit_code: 0, stdout: 'hi', status: 'completed', task_id: id, workspace_id: completed.workspaceId },
    error: null,
  });
  assert.deepEqual(text, ['Exit Code: 0']);
  assert.deepEqual(waited, []);
});

test('a result without a text of its own is shown as compact JSON', async () => {
  const { call } = setUp({ ...completed, workspaceId: null, result: { output: { a: 1 }, text: [] } });
  assert.deepEqual((await call('task_get_result', { task_id: id })).text, [`{"a":1,"task_id":"${id}"}`]);
});

test('an unfinished task answers with done: false and the line of a pending task', async () => {
  const { call, waited } = setUp(taskRecord({ status: 'running' }));
  const { output, text } = await call('get.task.result', { task_id: id });
  assert.deepEqual(output, { task_id: id, status: 'running', done: false, result: null, error: null });
  assert.match(text[0] ?? '', /"message":"Task .* is running"/);
  assert.deepEqual(waited, []);
});

test('a caller that waits gets what became of the task meanwhile', async () => {
  const { call, waited } = setUp(taskRecord({ status: 'running' }), completed);
  assert.equal((await call('task_get_result', { task_id: id, wait_seconds: 7 })).output.done, true);
  assert.deepEqual(waited, [7]);
});

const failures: readonly [what: string, task: TaskRecord, code: string, message: string][] = [
  [
    'a failed task throws its original error',
    taskRecord({
      status: 'failed',
      error: {
        code: 'GIT_FAILED',
        message: 'no such repository',
        hint: 'h',
        retryable: false,
        details: { exit_code: 128 },
      },
    }),
    'GIT_FAILED',
    'no such repository',
  ],
  ['a cancelled task says so', taskRecord({ status: 'cancelled' }), 'TASK_CANCELLED', `Task ${id} was cancelled`],
  [
    'an interrupted task says so',
    taskRecord({ status: 'interrupted' }),
    'TASK_INTERRUPTED',
    `Task ${id} was interrupted`,
  ],
];

for (const [what, task, code, message] of failures) {
  test(what, async () => {
    const { call } = setUp(task);
    await assert.rejects(call('task_get_result', { task_id: id }), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.deepEqual([error.code, error.message], [code, message]);
      return true;
    });
  });
}

test('a failed task keeps details and hint of its error', async () => {
  const { call } = setUp(failures[0]?.[1] ?? completed);
  await assert.rejects(call('task_get_result', { task_id: id }), (error: unknown) => {
    return error instanceof AppError && error.hint === 'h' && error.details.exit_code === 128;
  });
});

test('cancelling tells whether it took effect, and the status', async () => {
  const { call } = setUp(taskRecord({ status: 'running' }));
  const { output } = await call('task_cancel', { task_id: id, reason: 'enough' });
  assert.deepEqual(output, { task_id: id, cancelled: true, status: 'cancelled' });
});

test('tasks are listed by status with a cursor', async () => {
  const { call } = setUp(taskRecord());
  const { output } = await call('task_list', { status: 'queued' });
  assert.equal(output.next_cursor, 'next');
  assert.ok(Array.isArray(output.tasks) && output.tasks.length === 1);
});

test('a task tool needs the right in the toolset that made the task', async () => {
  const foreign = setUp(taskRecord({ toolset: 'fleet', status: 'running' }));
  const reader = { id: 'local', scopes: new Set(['sandbox:read']), teams: new Set<string>() };
  const writer = { id: 'local', scopes: new Set(['sandbox:write']), teams: new Set<string>() };
  const isMissing = (scope: string) => (error: unknown) =>
    error instanceof AppError && error.code === 'INSUFFICIENT_SCOPE' && error.message.includes(scope);
  for (const name of ['task_get_status', 'task_get_result']) {
    await assert.rejects(foreign.call(name, { task_id: id }, { caller: writer }), isMissing('fleet:read'));
  }
  await assert.rejects(foreign.call('task_cancel', { task_id: id }, { caller: writer }), isMissing('fleet:write'));
  const own = setUp(taskRecord({ status: 'running' }));
  await own.call('task_get_status', { task_id: id }, { caller: reader });
  await assert.rejects(own.call('task_cancel', { task_id: id }, { caller: reader }), isMissing('sandbox:write'));
});
