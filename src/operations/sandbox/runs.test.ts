import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeCall, fakeHub, taskRecord, workspaceRecord } from '../../../test/support/fake-hub.ts';
import { AppError } from '../../errors/app-error.ts';
import type { RunAnswer, RunRequest } from '../../hub/hub.ts';
import type { JsonObject } from '../../store/rows.ts';
import { type InvokeCall, invoke } from '../invoke.ts';
import { findOperation } from '../registry.ts';
import { isPending } from './run-job.ts';

const workspace = workspaceRecord();
const runOutput = { exit_code: 0, stdout: 'hi', stderr: '', status: 'completed' };
const ended: RunAnswer = { state: 'ended', output: runOutput, text: ['Exit Code: 0'] };

function setUp(answer: RunAnswer = ended, spec: JsonObject = { limits: { wall_seconds: 600 } }) {
  const requests: RunRequest[] = [];
  const resolved: { id: string | undefined; mayCreate: boolean }[] = [];
  const once: { key?: string; operation: string }[] = [];
  const hub = fakeHub({
    workspaces: {
      resolve: async (id, _call, { mayCreate }) => {
        resolved.push({ id, mayCreate });
        return { ...workspace, spec };
      },
    },
    runs: {
      run: async request => {
        requests.push(request);
        return answer;
      },
    },
    idempotency: {
      once: (key, work) => {
        once.push({ key: key.key, operation: key.operation });
        return work();
      },
    },
  });
  const call = async (name: string, args: Record<string, unknown>, more: Partial<InvokeCall> = {}) => {
    const operation = findOperation(name);
    assert.ok(operation);
    return invoke(operation, args, fakeCall(hub, more));
  };
  return { call, requests, resolved, once };
}

test('code becomes a Python job with the usual limits', async () => {
  const { call, requests, resolved } = setUp();
  const result = await call('run.python', { code: 'print(1)' });
  assert.deepEqual(result, { output: { ...runOutput, workspace_id: workspace.id }, text: ['Exit Code: 0'] });
  assert.deepEqual(requests[0]?.job, {
    kind: 'python',
    code: 'print(1)',
    file: undefined,
    args: [],
    stdin: undefined,
    env: {},
    context: undefined,
    timeoutSeconds: 120,
  });
  assert.equal(requests[0]?.waitSeconds, 45);
  assert.deepEqual(resolved, [{ id: undefined, mayCreate: true }]);
});

test('only calls that can succeed in an empty workspace may make one', async () => {
  const calls: [name: string, args: Record<string, unknown>, mayCreate: boolean][] = [
    ['run_python', { code: '1' }, true],
    ['run_python', { file: 'a.py' }, false],
    ['run_command', { command: 'ls' }, true],
    ['pkg_install', { packages: 'requests' }, true],
    ['git_clone', { url: 'https://example.org/a.git' }, true],
    ['test_run', {}, false],
    ['lint_check', {}, false],
    ['git_commit', { message: 'm' }, false],
  ];
  for (const [name, args, mayCreate] of calls) {
    const { call, resolved } = setUp();
    await call(name, args);
    assert.equal(resolved[0]?.mayCreate, mayCreate, name);
  }
});

test('a run that has not ended answers with its handle and what there is so far', async () => {
  const task = taskRecord({ status: 'running', startedAt: 0 });
  const { call } = setUp({ state: 'pending', task, stdout: 'hé', stderr: '' });
  const { output, text } = await call('run_command', { command: 'sleep 9', wait_seconds: 0 });
  assert.deepEqual(
    [output.status, output.task_id, output.exit_code, output.stdout, output.stdout_bytes, output.workspace_id],
    ['running', task.id, null, 'hé', 3, workspace.id],
  );
  assert.equal(isPending(output), true);
  assert.equal(text.length, 1);
  const line: unknown = JSON.parse(text[0] ?? '');
  assert.deepEqual(line, {
    task_id: task.id,
    status: 'running',
    session_id: task.workspaceId,
    sequence: 3,
    message: `Task ${task.id} is running`,
    created_at: '1970-01-01T00:00:00.000Z',
  });
});

test('other jobs that have not ended answer with three fields', async () => {
  const task = taskRecord();
  const args: Record<string, Record<string, unknown>> = {
    git_clone: { url: 'https://example.org/a' },
    pkg_install: { packages: 'a' },
  };
  for (const name of ['test_run', 'lint_check', 'git_clone', 'pkg_install']) {
    const { call } = setUp({ state: 'pending', task, stdout: 'x', stderr: '' });
    const { output } = await call(name, args[name] ?? {});
    assert.deepEqual(output, { status: 'queued', task_id: task.id, workspace_id: workspace.id }, name);
    assert.equal(isPending(output), true);
  }
});

test('an ended run is not pending, nor is the status of a task', () => {
  assert.equal(isPending({ status: 'completed', task_id: 't' }), false);
  assert.equal(isPending({ status: 'running', task_id: 't', done: false }), false);
  assert.equal(isPending({ status: 'running', task_id: 't', poll_interval_ms: 1000 }), false);
});

test('a client that wants a task does not wait', async () => {
  const { call, requests } = setUp();
  await call('run_command', { command: 'ls', wait_seconds: 45 }, { wantsTask: true });
  assert.equal(requests[0]?.waitSeconds, 0);
});

test('a run that became a task carries its id', async () => {
  const { call } = setUp({ ...ended, taskId: 'task-1' });
  assert.equal((await call('run_command', { command: 'ls' })).output.task_id, 'task-1');
});

test('a timeout above the wall_seconds of the workspace is refused', async () => {
  const { call, requests } = setUp();
  await call('run_command', { command: 'ls', timeout_seconds: 600 });
  assert.equal(requests[0]?.job.kind === 'command' && requests[0].job.timeoutSeconds, 600);
  await assert.rejects(call('run_command', { command: 'ls', timeout_seconds: 601 }), (error: unknown) => {
    assert.ok(error instanceof AppError && error.code === 'VALIDATION_ERROR');
    assert.match(error.message, /^argument "timeout_seconds" must be at most 600, .*got 601$/);
    return true;
  });
});

test('a call that names no timeout is held to the wall_seconds of the workspace', async () => {
  const { call, requests } = setUp(ended, { limits: { wall_seconds: 30 } });
  await call('run_command', { command: 'ls' });
  assert.equal(requests[0]?.job.kind === 'command' && requests[0].job.timeoutSeconds, 30);
});

test('under a key a fresh workspace is chosen once, and the run is found again', async () => {
  const { call, requests, resolved, once } = setUp();
  await call('run_python', { code: '1', idempotency_key: 'k' });
  assert.deepEqual(once, [{ key: 'k', operation: 'run_python/workspace' }]);
  assert.deepEqual(
    resolved.map(({ id }) => id),
    [undefined, workspace.id],
  );
  assert.equal(requests[0]?.idempotencyKey, 'k');
});

test('under a key a named workspace, or that of the connection, needs no remembering', async () => {
  const { call, once } = setUp();
  await call('run_python', { code: '1', idempotency_key: 'k', workspace_id: workspace.id });
  await call('run_python', { code: '1', idempotency_key: 'k' }, { connection: { id: 'stdio' } });
  assert.deepEqual(once, []);
});

test('a path that leaves the workspace is refused before a workspace is made', async () => {
  const { call, resolved } = setUp();
  const isPathInvalid = (error: unknown) => error instanceof AppError && error.code === 'PATH_INVALID';
  await assert.rejects(call('run_command', { command: 'ls', cwd: '/etc' }), isPathInvalid);
  await assert.rejects(call('run_python', { file: '../a.py' }), isPathInvalid);
  await assert.rejects(call('git_clone', { url: 'https://example.org/a', path: '..' }), isPathInvalid);
  await assert.rejects(call('git_commit', { message: 'm', add: ['../x'] }), isPathInvalid);
  await assert.rejects(call('lint_check', { paths: ['a', '/b'] }), isPathInvalid);
  await assert.rejects(call('test_run', { path: '/tests' }), isPathInvalid);
  assert.deepEqual(resolved, []);
});

test('packages in a string stand between blanks', async () => {
  const { call, requests } = setUp();
  await call('pkg.install', { packages: ' requests  flask\n' });
  await call('pkg_install', { requirements: ['requests'] });
  const names = requests.map(({ job }) => (job.kind === 'packages' ? job.packages : undefined));
  assert.deepEqual(names, [['requests', 'flask'], ['requests']]);
});

test('no package, or more than 50, is refused', async () => {
  const { call } = setUp();
  for (const packages of ['', '  ', Array.from({ length: 51 }, () => 'a').join(' '), []]) {
    await assert.rejects(call('pkg_install', { packages }), /packages/);
  }
});

test('what is no name of a package is refused before a workspace is made', async () => {
  const { call, resolved } = setUp();
  const wrong = ['--index-url x', '-r file', '@file', 'https://a.example/x.whl', './local', '/abs', '../up', '~/home'];
  for (const packages of [...wrong, 'git+https://a.example/x', ['a b'], [''], ['a\\b'], 'file:x', 'a --pre']) {
    await assert.rejects(call('pkg_install', { packages }), (error: unknown) => {
      return error instanceof AppError && error.code === 'VALIDATION_ERROR' && error.message.includes('packages');
    });
  }
  await assert.rejects(call('pkg_install', { packages: ['https://me:word@a.example/x'] }), (error: unknown) => {
    return error instanceof AppError && !JSON.stringify(error.toShape()).includes('word');
  });
  assert.deepEqual(resolved, []);
});

test('names with versions, extras and scopes are names', async () => {
  const { call, requests } = setUp();
  const python = ['requests==2.32.3', 'uvicorn[standard]', 'a>=1,<2', 'zope.interface'];
  const node = ['left-pad@1.3.0', '@types/node', '@a/b@^1.0.0'];
  await call('pkg_install', { packages: python });
  await call('pkg_install', { packages: node, manager: 'node' });
  await assert.rejects(call('pkg_install', { packages: node }), /packages/);
  const names = requests.map(({ job }) => (job.kind === 'packages' ? job.packages : undefined));
  assert.deepEqual(names, [python, node]);
});

test('a URL that is not of the web, or holds credentials, is refused', async () => {
  const { call, resolved } = setUp();
  for (const url of [
    'ssh://git@example.org/a',
    'file:///etc',
    '-u',
    'git@example.org:a',
    'https://u:p@example.org/a',
    'https://u@example.org/a',
  ]) {
    await assert.rejects(call('git_clone', { url }), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'VALIDATION_ERROR');
      assert.doesNotMatch(error.message, /u:p/);
      return true;
    });
  }
  assert.deepEqual(resolved, []);
});

test('a branch that looks like an option is refused', async () => {
  const { call } = setUp();
  for (const branch of ['--upload-pack=x', '-b', 'a b', '']) {
    await assert.rejects(call('git_clone', { url: 'https://example.org/a', branch }), /branch/);
  }
});
