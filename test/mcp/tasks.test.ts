import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskRecord } from '../../src/store/rows.ts';
import { messageOf, postModern } from './clients.ts';
import { startTestServer } from './stand-in.ts';
import { taskRow } from './stand-in-hub.ts';

const extensions = { 'io.modelcontextprotocol/tasks': {} };

const ask = async (url: string, method: string, taskId: string, declared: object = extensions) =>
  messageOf(await postModern(url, { method, params: { taskId }, extensions: declared }));

describe('a client that declares the Tasks extension', () => {
  test('gets a task in place of a pending answer', async () => {
    await using server = await startTestServer();
    const params = { name: 'test_task', arguments: { task_id: 'T1' } };
    const { result } = await messageOf(await postModern(server.url, { method: 'tools/call', params, extensions }));
    assert.deepEqual(
      [result.resultType, result.taskId, result.status, result.pollIntervalMs],
      ['task', 'T1', 'working', 1000],
    );
    assert.ok(Number.isInteger(result.ttlMs) && Date.parse(result.createdAt) > 0);
  });

  test('and one that does not gets the answer', async () => {
    await using server = await startTestServer();
    const params = { name: 'test_task', arguments: { task_id: 'T1' } };
    const { result } = await messageOf(await postModern(server.url, { method: 'tools/call', params }));
    assert.deepEqual([result.resultType, result.structuredContent], ['complete', { done: true }]);
  });

  test('gets no task of a status that it asked for', async () => {
    await using server = await startTestServer();
    const task = taskRow();
    server.hub.taskRows.set(task.id, task);
    const params = { name: 'task_get_status', arguments: { task_id: task.id } };
    const { result } = await messageOf(await postModern(server.url, { method: 'tools/call', params, extensions }));
    assert.deepEqual([result.resultType, result.structuredContent.status], ['complete', 'running']);
  });
});

describe('tasks/get', () => {
  const shape = (code: string) => ({ code, message: 'm', hint: 'h', retryable: false, details: {} });
  const states: [string, Partial<TaskRecord>, Record<string, unknown>][] = [
    ['queued', { status: 'queued' }, { status: 'working' }],
    ['running', { status: 'running' }, { status: 'working' }],
    ['cancelled', { status: 'cancelled' }, { status: 'cancelled' }],
    ['interrupted', { status: 'interrupted' }, { status: 'failed' }],
    [
      'failed in a way that the model can mend',
      { status: 'failed', error: shape('GIT_FAILED') },
      { status: 'completed' },
    ],
    ['failed otherwise', { status: 'failed', error: shape('SANDBOX_DIED') }, { status: 'failed' }],
  ];
  for (const [what, patch, expected] of states) {
    test(`tells of a task that is ${what}`, async () => {
      await using server = await startTestServer();
      const task = taskRow({ ...patch, completedAt: 5 });
      server.hub.taskRows.set(task.id, task);
      const { result } = await ask(server.url, 'tasks/get', task.id);
      assert.equal(result.resultType, 'complete');
      assert.equal(result.taskId, task.id);
      assert.equal(result.status, expected.status);
      assert.equal('result' in result, expected.status === 'completed');
      assert.equal('error' in result, expected.status === 'failed');
      if (expected.status === 'completed') assert.equal(result.result.isError, true);
      if (expected.status === 'failed') assert.equal(typeof result.error.code, 'number');
    });
  }

  test('gives the result that the call would have given', async () => {
    await using server = await startTestServer();
    const output = { status: 'completed', exit_code: 0, stdout: '4\n' };
    const result = { output, text: ['Exit Code: 0'] };
    const task = taskRow({ status: 'completed', result, completedAt: Date.now() });
    server.hub.taskRows.set(task.id, task);
    const answer = await ask(server.url, 'tasks/get', task.id);
    assert.equal(answer.result.status, 'completed');
    assert.equal(answer.result.result.structuredContent.stdout, '4\n');
    assert.deepEqual(answer.result.result.content, [{ type: 'text', text: 'Exit Code: 0' }]);
  });
});

describe('every method of tasks', () => {
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    test(`${method} answers a foreign task like one that never was`, async () => {
      await using server = await startTestServer();
      const foreign = taskRow({ caller: 'somebody else' });
      server.hub.taskRows.set(foreign.id, foreign);
      const unknown = taskRow().id;
      const [a, b] = [await ask(server.url, method, foreign.id), await ask(server.url, method, unknown)];
      assert.deepEqual([a.error.code, b.error.code], [-32602, -32602]);
      assert.equal(JSON.stringify(a).replaceAll(foreign.id, 'X'), JSON.stringify(b).replaceAll(unknown, 'X'));
      assert.equal(server.hub.taskRows.get(foreign.id)?.status, 'running');
    });

    test(`${method} wants the extension declared in the request`, async () => {
      await using server = await startTestServer();
      const task = taskRow();
      server.hub.taskRows.set(task.id, task);
      const { error } = await ask(server.url, method, task.id, {});
      assert.equal(error.code, -32021);
      assert.deepEqual(error.data.requiredCapabilities, { extensions });
    });
  }

  test('tasks/cancel cancels and acknowledges', async () => {
    await using server = await startTestServer();
    const task = taskRow();
    server.hub.taskRows.set(task.id, task);
    const { result } = await ask(server.url, 'tasks/cancel', task.id);
    assert.equal(result.resultType, 'complete');
    assert.equal(server.hub.taskRows.get(task.id)?.status, 'cancelled');
  });

  test('of the earlier experiment are not there', async () => {
    await using server = await startTestServer();
    for (const method of ['tasks/list', 'tasks/result']) {
      assert.equal((await ask(server.url, method, 'x')).error.code, -32601, method);
    }
  });
});
