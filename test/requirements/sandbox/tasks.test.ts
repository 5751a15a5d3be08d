import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { type McpSubject, verifications } from './verify.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

verifications('tasks', ({ overMcp, overTwo }) => {
  overMcp('tool.task_get_status', async ({ ok, peer, workspaceId }) => {
    const { task_id } = await ok('run_command', { command: 'true', wait_seconds: 0 });
    await ended(peer, task_id);
    const status = await peer.ok('task_get_status', { task_id });
    assert.match(String(status.task_id), UUID);
    assert.equal(status.status, 'completed');
    assert.equal(status.message, 'Task is completed');
    assert.equal(status.toolset, 'sandbox');
    assert.equal(status.operation, 'run_command');
    assert.equal(status.workspace_id, workspaceId);
    assert.equal(typeof status.sequence, 'number');
    assert.equal(typeof status.poll_interval_ms, 'number');
    for (const key of ['created_at', 'started_at', 'completed_at']) assert.match(String(status[key]), /Z$/);
  });

  overMcp('tool.task_get_result', async ({ call, ok, peer }) => {
    const direct = await call('run_command', { command: 'echo a' });
    const { task_id } = await ok('run_command', { command: 'echo a', wait_seconds: 0 });
    const result = await peer.call('task_get_result', { task_id, wait_seconds: 30 });
    assert.equal(result.output.done, true);
    assert.equal(result.output.status, 'completed');
    assert.equal(Object(result.output.result).stdout, 'a\n');
    assert.equal(result.text[0], direct.text[0]);
  });

  overMcp('tool.task_cancel', async ({ ok, peer }) => {
    const { task_id } = await ok('run_command', { command: 'sleep 100', wait_seconds: 0 });
    const cancelled = await peer.ok('task_cancel', { task_id, reason: 'not needed' });
    assert.deepEqual(cancelled, { task_id, cancelled: true, status: 'cancelled' });
    assert.deepEqual(await peer.ok('task_cancel', { task_id }), { task_id, cancelled: false, status: 'cancelled' });
  });

  overMcp('tool.task_list', async ({ ok, peer, workspaceId }) => {
    const { task_id } = await ok('run_command', { command: 'true', wait_seconds: 0 });
    await ended(peer, task_id);
    for (const query of [
      { workspace_id: workspaceId },
      { workspace_id: workspaceId, status: 'completed' },
      { workspace_id: workspaceId, toolset: 'sandbox' },
    ]) {
      const { tasks } = await peer.ok('task_list', query);
      assert.ok(Array.isArray(tasks));
      assert.deepEqual(
        tasks.map(task => task.task_id),
        [task_id],
      );
    }
    assert.deepEqual((await peer.ok('task_list', { workspace_id: workspaceId, status: 'failed' })).tasks, []);
  });

  overTwo('order.sequence', async ({ ok, peer }) => {
    const started = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        ok('run_command', { command: `echo ${i} >> log; sleep 0.05; echo ${i} >> log`, wait_seconds: 0 }),
      ),
    );
    for (const { task_id } of started) await ended(peer, task_id);
    const { content } = await ok('fs_read', { path: 'log' });
    const lines = String(content).trim().split('\n');
    for (let i = 0; i < lines.length; i += 2) assert.equal(lines[i], lines[i + 1], 'one at a time');
    const statuses = await Promise.all(started.map(({ task_id }) => peer.ok('task_get_status', { task_id })));
    const bySequence = statuses
      .toSorted((a, b) => Number(a.sequence) - Number(b.sequence))
      .map(status => started.findIndex(run => run.task_id === status.task_id));
    assert.deepEqual(
      bySequence.map(String),
      lines.filter((_, i) => i % 2 === 0),
    );
  });

  overTwo('order.writes', async ({ ok, peer }) => {
    await ok('fs_write', { path: 'gate', content: 'before' });
    const first = await ok('run_command', { command: 'sleep 0.5', wait_seconds: 0 });
    const second = await ok('run_command', { command: 'cat gate', wait_seconds: 0 });
    const read = await ok('fs_read', { path: 'gate' });
    assert.equal(read.content, 'before');
    assert.notEqual(
      (await peer.ok('task_get_status', { task_id: first.task_id })).status,
      'completed',
      'the read did not wait',
    );
    await ok('fs_write', { path: 'gate', content: 'after' });
    assert.notEqual(
      (await peer.ok('task_get_status', { task_id: second.task_id })).status,
      'queued',
      'the write waited',
    );
    await ended(peer, second.task_id);
  });

  overMcp('order.pending', async ({ call, workspaceId }) => {
    const run = await call('run_command', { command: 'echo early; sleep 30', wait_seconds: 1 });
    assert.equal(run.output.status, 'running');
    assert.equal(run.output.exit_code, null);
    assert.equal(run.output.stdout, 'early\n');
    const line = JSON.parse(run.text[0] ?? '');
    assert.deepEqual(Object.keys(line), ['task_id', 'status', 'session_id', 'sequence', 'message', 'created_at']);
    assert.equal(line.session_id, workspaceId);
    assert.equal(line.message, `Task ${line.task_id} is running`);
    const queued = await call('run_command', { command: 'true', wait_seconds: 0 });
    assert.equal(queued.output.status, 'queued');
    assert.equal(JSON.parse(queued.text[0] ?? '').message, `Task ${queued.output.task_id} queued for execution`);
    await call('task_cancel', { task_id: run.output.task_id, workspace_id: undefined });
  });

  overMcp('order.wait_zero', async ({ ok, peer }) => {
    for (const [tool, args] of [
      ['run_python', { code: '1' }],
      ['run_command', { command: 'true' }],
      ['lint_check', {}],
    ] as const) {
      const answer = await ok(tool, { ...args, wait_seconds: 0 });
      assert.match(String(answer.task_id), UUID, tool);
      assert.match(String(answer.status), /queued|running/, tool);
      await ended(peer, answer.task_id);
    }
  });

  overMcp('order.result', async ({ ok, peer }) => {
    const slow = await ok('run_command', { command: 'sleep 20', wait_seconds: 0 });
    const early = await peer.call('task_get_result', { task_id: slow.task_id });
    assert.equal(early.output.done, false);
    assert.equal(early.output.result, null);
    assert.equal(JSON.parse(early.text[0] ?? '').task_id, slow.task_id);
    await peer.ok('task_cancel', { task_id: slow.task_id });
    const cancelled = await peer.fails('task_get_result', { task_id: slow.task_id });
    assert.equal(cancelled.code, 'TASK_CANCELLED');
    assert.equal(cancelled.message, `Task ${slow.task_id} was cancelled`);
    const failed = await ok('git_commit', { message: 'x' }).catch(() => undefined);
    assert.equal(failed, undefined);
    const lint = await ok('lint_check', { wait_seconds: 0 });
    assert.equal(
      (await peer.fails('task_get_result', { task_id: lint.task_id, wait_seconds: 30 })).code,
      'TOOL_NOT_INSTALLED',
    );
  });

  overMcp('order.close_cancels', async ({ call, ok, wire }) => {
    const leaving = new AbortController();
    const run = call(
      'run_command',
      { command: 'echo started > mark; sleep 60; echo done > mark' },
      { signal: leaving.signal },
    );
    await eventually(async () => !(await call('fs_read', { path: 'mark' })).isError);
    leaving.abort();
    await assert.rejects(run);
    if (wire === 'http, legacy') return;
    const next = await ok('run_command', { command: 'cat mark; pgrep -c -r R,S,D,T sleep || true', wait_seconds: 20 });
    assert.equal(next.stdout, 'started\n0\n');
  });

  overTwo('order.cancel', async ({ ok, peer }) => {
    const running = await ok('run_command', { command: 'sleep 100 & sleep 100; echo x > never', wait_seconds: 0 });
    const queued = await ok('run_command', { command: 'echo x > never', wait_seconds: 0 });
    assert.equal((await peer.ok('task_cancel', { task_id: queued.task_id })).cancelled, true);
    assert.equal((await peer.ok('task_cancel', { task_id: running.task_id })).cancelled, true);
    const look = await ok('run_command', { command: 'ls never; pgrep -c -r R,S,D,T sleep || true' });
    assert.equal(look.stdout, '0\n');
    assert.equal((await peer.ok('task_cancel', { task_id: running.task_id })).status, 'cancelled');
  });

  overMcp('feature.task_events', async ({ call }) => {
    const seen: number[] = [];
    const code = 'import time\nfor i in range(3): print(i, flush=True); time.sleep(0.4)';
    const run = await call('run_python', { code }, { onProgress: ({ progress }) => void seen.push(progress) });
    assert.equal(run.output.exit_code, 0);
    assert.ok(seen.length > 0);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
  });

  overTwo('failure.04', async ({ ok, peer }) => {
    const lint = await ok('lint_check', { wait_seconds: 0 });
    const error = await peer.fails('task_get_result', { task_id: lint.task_id, wait_seconds: 30 });
    assert.equal(error.code, 'TOOL_NOT_INSTALLED');
    const unknown = '00000000-0000-4000-8000-000000000000';
    assert.equal((await peer.fails('task_get_result', { task_id: unknown })).message, `Task not found: ${unknown}`);
    assert.equal((await peer.ok('echo', { message: 'alive' })).message, 'alive');
  });

  overMcp('failure.07', async ({ call }) => {
    let notified = 0;
    const run = await call(
      'run_command',
      { command: 'for i in 1 2 3; do echo $i; sleep 0.4; done' },
      { onProgress: () => void notified++ },
    );
    assert.ok(notified > 0);
    assert.equal(run.output.status, 'completed');
  });

  overTwo('failure.08', async ({ ok }) => {
    const calls = Array.from({ length: 10 }, (_, i) => ok('run_command', { command: `echo ${i} >> log` }));
    const answers = await Promise.all(calls);
    for (const answer of answers) assert.equal(answer.exit_code, 0);
    const lines = String((await ok('fs_read', { path: 'log' })).content)
      .trim()
      .split('\n');
    assert.deepEqual(
      lines.toSorted(),
      Array.from({ length: 10 }, (_, i) => String(i)),
    );
  });

  overTwo('error.CONFLICT', async ({ ok, fails, peer, workspaceId }) => {
    // Keys are the caller's, and both http wires are the same caller.
    const idempotency_key = `conflict in ${workspaceId}`;
    await ok('run_command', { command: 'true', idempotency_key });
    const conflict = await fails('run_command', { command: 'false', idempotency_key });
    assert.equal(conflict.code, 'IDEMPOTENCY_CONFLICT');
    assert.ok(conflict.message.includes(idempotency_key), conflict.message);
    const { task_id } = await ok('run_command', { command: 'sleep 50', wait_seconds: 0 });
    await peer.ok('task_cancel', { task_id });
    assert.equal((await peer.fails('task_get_result', { task_id })).code, 'TASK_CANCELLED');
  });

  overMcp('shared.idempotency', async ({ ok, workspaceId }) => {
    const args = { command: 'echo x >> counted; wc -l < counted', idempotency_key: `once in ${workspaceId}` };
    const first = await ok('run_command', args);
    const second = await ok('run_command', args);
    assert.equal(first.stdout, '1\n');
    assert.equal(second.stdout, '1\n');
  });

  overMcp('shared.progress', async ({ call }) => {
    const seen: number[] = [];
    await call(
      'run_command',
      { command: 'for i in 1 2 3 4; do echo $i; sleep 0.3; done' },
      { onProgress: ({ progress }) => void seen.push(progress) },
    );
    assert.ok(seen.length > 0);
    assert.deepEqual(
      seen,
      [...new Set(seen)].toSorted((a, b) => a - b),
      'progress rises',
    );
  });
});

/** Waits for the end of a task, whatever it is. */
async function ended(peer: McpSubject['peer'], task_id: unknown): Promise<void> {
  const result = await peer.call('task_get_result', { task_id, wait_seconds: 60 });
  if (!result.isError) assert.equal(result.output.done, true);
  const { status } = await peer.ok('task_get_status', { task_id });
  assert.match(String(status), /^(completed|failed)$/);
}
