import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { startTarget, type Target } from '../../support/target.ts';
import { type Json, operate } from '../../support/operations-api.ts';
import type { Verifier } from './verify.ts';

/** What is refused, and what ends, where little is allowed: on a server of their own. */
export function declareTightLimits({ once }: Verifier): void {
  describe('within tight limits', () => {
    let tight: Target;
    before(async () => {
      const env = {
        BOXSWAIN_WORKER_SLOTS: '5',
        BOXSWAIN_TASKS_QUEUE_PER_WORKSPACE: '5',
        BOXSWAIN_SANDBOX_IDLE_STOP_SECONDS: '1',
        // In most of these workspaces nothing runs.
        BOXSWAIN_SANDBOX_SPARE_BOXES: '0',
      };
      tight = await startTarget({ env, workers: 1 });
    });
    after(() => tight?.close());
    const release = (workspace_id: unknown) => operate(tight.server.url, 'workspace_delete', { workspace_id });

    once('workspace.idle_stop', async () => {
      const { server } = tight;
      const { workspace_id } = await operate(server.url, 'workspace_create', {});
      await operate(server.url, 'run_python', { workspace_id, context: 'c', code: 'x = 1' });
      await operate(server.url, 'fs_write', { workspace_id, path: 'kept', content: 'x' });
      await eventually(async () => (await operate(server.url, 'workspace_get', { workspace_id })).state === 'stopped');
      assert.equal((await operate(server.url, 'fs_read', { workspace_id, path: 'kept' })).content, 'x');
      const run = await operate(server.url, 'run_python', { workspace_id, context: 'c', code: 'x' });
      assert.equal(run.code, 'CONTEXT_LOST');
      await release(workspace_id);
    });

    once('order.queue_caps', async () => {
      const { server } = tight;
      const { workspace_id } = await operate(server.url, 'workspace_create', {});
      const answers: Json[] = [];
      for (let i = 0; i < 8; i++)
        answers.push(await operate(server.url, 'run_command', { workspace_id, command: 'sleep 30', wait_seconds: 0 }));
      // One runs, five wait.
      assert.deepEqual(
        answers.map(answer => answer.code ?? 'ok'),
        ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'QUEUE_FULL', 'QUEUE_FULL'],
      );
      for (const { task_id } of answers.slice(0, 6)) await operate(server.url, 'task_cancel', { task_id });
      assert.equal((await operate(server.url, 'run_command', { workspace_id, command: 'echo on' })).stdout, 'on\n');
      await release(workspace_id);
    });

    once('failure.10', async () => {
      const { server } = tight;
      const made = await Promise.all(Array.from({ length: 6 }, () => operate(server.url, 'workspace_create', {})));
      const held = made.flatMap(({ workspace_id }) => (workspace_id === undefined ? [] : [workspace_id]));
      assert.equal(held.length, 5);
      assert.equal(made.filter(answer => answer.code === 'CAPACITY_EXCEEDED').length, 1);
      assert.equal((await operate(server.url, 'workspace_list', {})).total, 5);
      for (const workspace_id of held) await release(workspace_id);
    });

    once('error.CAPS', async () => {
      const { server } = tight;
      const held: unknown[] = [];
      for (let i = 0; i < 5; i++) held.push((await operate(server.url, 'workspace_create', {})).workspace_id);
      const refused = await operate(server.url, 'workspace_create', {});
      assert.equal(refused.code, 'CAPACITY_EXCEEDED');
      assert.equal(refused.retryable, true);
      assert.equal(typeof Object(refused.details).retry_after_seconds, 'number');
      for (const workspace_id of held) await release(workspace_id);
    });

    once('failure.09', async () => {
      const { server } = tight;
      for (let i = 0; i < 200; i++) {
        const { workspace_id, code } = await operate(server.url, 'workspace_create', {});
        assert.equal(code, undefined, `client ${i}`);
        await operate(server.url, 'workspace_delete', { workspace_id });
      }
      assert.equal((await operate(server.url, 'workspace_list', {})).total, 0);
    });
  });
}
