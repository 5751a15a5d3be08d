import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../../src/errors/app-error.ts';
import { defineOperation } from '../../../src/operations/define.ts';
import { requireScope } from '../../../src/operations/scopes.ts';
import { checkLimits } from '../../../src/worker/sandbox/limits-check.ts';
import { invokeAlone } from '../../support/invoke-alone.ts';
import { footprint, leftovers } from '../../support/leftovers.ts';
import { eventually } from '../../support/eventually.ts';
import { runCli, type RunningServer, scratchDirectory } from '../../support/server.ts';
import { startTarget, type Target } from '../../support/target.ts';
import { type Json, operate } from '../../support/operations-api.ts';
import { declareTightLimits } from './tight-limits.ts';
import { type Verifier, verifications } from './verify.ts';

/** An installation of its own, given to `use`, and everything of it removed afterwards. */
async function withServer(
  env: Record<string, string>,
  use: (server: RunningServer, again: () => Promise<RunningServer>, target: Target) => Promise<void>,
): Promise<void> {
  const target = await startTarget({ env, workers: 1 });
  try {
    await use(target.server, () => target.again(), target);
  } finally {
    await target.close();
  }
}

/** With the server of this file, which ends or is ended meanwhile; whatever becomes of that, it runs again afterwards. */
const restarting =
  (use: (server: RunningServer, again: () => Promise<RunningServer>, target: Target) => Promise<void>) =>
  async (server: RunningServer, target: Target): Promise<void> => {
    try {
      await use(server, () => target.again(), target);
    } finally {
      const { child } = target.server;
      if (child.exitCode !== null || child.signalCode !== null) await target.again();
    }
  };

/** More than all other verifications of this file leave unfinished. */
const QUEUE_PER_HUB = 20;
verifications('process', declare, { workers: 1, env: { BOXSWAIN_TASKS_QUEUE_PER_HUB: String(QUEUE_PER_HUB) } });

function declare(verifier: Verifier): void {
  const { once } = verifier;
  once(
    'workspace.ttl',
    restarting(async (first, again, { query }) => {
      const { workspace_id } = await operate(first.url, 'workspace_create', { ttl_seconds: 60 });
      await first.stop();
      await query('update workspace set expires_at = 1, last_activity_at = 1 where id = ?', [String(workspace_id)]);
      const server = await again();
      // Asking for the workspace itself would be a use of it.
      await eventually(
        async () => !JSON.stringify(await operate(server.url, 'workspace_list', {})).includes(`${workspace_id}`),
      );
      assert.equal((await operate(server.url, 'workspace_get', { workspace_id })).code, 'WORKSPACE_NOT_FOUND');
    }),
  );

  once(
    'order.restart',
    restarting(async (first, again) => {
      const { workspace_id } = await operate(first.url, 'workspace_create', {});
      const { task_id } = await operate(first.url, 'run_command', {
        workspace_id,
        command: 'echo kept',
        wait_seconds: 0,
      });
      const before = await operate(first.url, 'task_get_result', { task_id, wait_seconds: 30 });
      await first.stop();
      const server = await again();
      assert.deepEqual(await operate(server.url, 'task_get_result', { task_id }), before);
      assert.equal((await operate(server.url, 'task_get_status', { task_id })).status, 'completed');
      assert.equal((await operate(server.url, 'run_command', { workspace_id, command: 'echo on' })).stdout, 'on\n');
    }),
  );

  once(
    'order.interrupted',
    restarting(async (first, again) => {
      const { workspace_id } = await operate(first.url, 'workspace_create', {});
      const running = await operate(first.url, 'run_command', {
        workspace_id,
        command: 'echo x >> log; sleep 60',
        wait_seconds: 0,
      });
      const queued = await operate(first.url, 'run_command', {
        workspace_id,
        command: 'cat log; echo ran',
        wait_seconds: 0,
      });
      await eventually(
        async () => (await operate(first.url, 'task_get_status', { task_id: running.task_id })).status === 'running',
      );
      await eventually(
        async () => (await operate(first.url, 'fs_read', { workspace_id, path: 'log' })).content === 'x\n',
      );
      await first.kill();
      const server = await again();
      await eventually(
        async () =>
          (await operate(server.url, 'task_get_status', { task_id: running.task_id })).status === 'interrupted',
      );
      assert.equal(
        (await operate(server.url, 'task_get_result', { task_id: running.task_id })).code,
        'TASK_INTERRUPTED',
      );
      const later = await operate(server.url, 'task_get_result', { task_id: queued.task_id, wait_seconds: 60 });
      assert.equal(Object(later.result).stdout, 'x\nran\n', JSON.stringify(later));
    }),
  );

  declareTightLimits(verifier);

  once('error.NO_WORKER_AVAILABLE', async server => {
    const { workers } = Object(await (await fetch(`${server.url}/api/workers`)).json());
    const id = workers[0].worker_id ?? workers[0].id;
    const drain = (body: Json) =>
      fetch(`${server.url}/api/workers/${id}/drain`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    await drain({});
    const refused = await operate(server.url, 'workspace_create', {});
    assert.equal(refused.code, 'NO_WORKER_AVAILABLE');
    assert.equal(refused.error, 'no workers available to handle request');
    await drain({ drain: false });
  });

  once(
    'failure.11',
    restarting(async (first, again) => {
      const { workspace_id } = await operate(first.url, 'workspace_create', {});
      await operate(first.url, 'fs_write', { workspace_id, path: 'a', content: 'x' });
      await operate(first.url, 'run_command', { workspace_id, command: 'true' });
      await first.kill();
      const server = await again();
      assert.equal((await operate(server.url, 'fs_read', { workspace_id, path: 'a' })).content, 'x');
    }),
  );

  once(
    'failure.03',
    restarting(async (first, again) => {
      const { workspace_id } = await operate(first.url, 'workspace_create', {});
      await operate(first.url, 'run_command', { workspace_id, command: 'sleep 3', wait_seconds: 0 });
      const waiting = await operate(first.url, 'run_command', {
        workspace_id,
        command: 'echo retried',
        wait_seconds: 0,
      });
      await first.kill();
      const server = await again();
      const ended = await operate(server.url, 'task_get_result', { task_id: waiting.task_id, wait_seconds: 60 });
      assert.equal(ended.done, true);
      assert.equal(Object(ended.result).stdout, 'retried\n');
    }),
  );

  once('failure.15', async server => {
    const { workspace_id } = await operate(server.url, 'workspace_create', {});
    const race = 'while true; do rm -f race; ln -s /etc/passwd race; rm -f race; echo mine > race; done';
    const { task_id } = await operate(server.url, 'run_command', { workspace_id, command: race, wait_seconds: 0 });
    for (let i = 0; i < 200; i++) {
      const { content, code } = await operate(server.url, 'fs_read', { workspace_id, path: 'race' });
      if (content === undefined) assert.match(String(code), /PATH_INVALID|FILE_NOT_FOUND/);
      else assert.match(String(content), /^(mine\n)?$/);
    }
    await operate(server.url, 'task_cancel', { task_id });
    const command =
      'cp /bin/id x; chmod 4755 x; stat -c "%u %a" x; ./x -u; git init -q . && git config core.fsmonitor "touch /tmp/owned" && git status -s >/dev/null; true';
    const run = await operate(server.url, 'run_command', { workspace_id, command });
    assert.match(String(run.stdout), /^1000 4755\n1000\n$/);
    assert.deepEqual(await leftovers(join(server.directory, 'none'), server.child.pid), []);
  });

  once('files.large', async server => {
    const { workspace_id } = await operate(server.url, 'workspace_create', {});
    await operate(server.url, 'run_command', {
      workspace_id,
      command: 'truncate -s 1G big; printf end | dd of=big bs=1 seek=1073741821 conv=notrunc status=none',
    });
    const before = (await footprint(server.child.pid ?? 0)).residentBytes;
    const tail = await operate(server.url, 'fs_read', {
      workspace_id,
      path: 'big',
      offset: 1_073_741_821,
      encoding: 'base64',
    });
    assert.equal(Buffer.from(String(tail.content), 'base64').toString(), 'end', JSON.stringify(tail));
    assert.equal(tail.size_bytes, 1_073_741_824);
    const head = await operate(server.url, 'fs_read', {
      workspace_id,
      path: 'big',
      limit: 1_048_576,
      encoding: 'base64',
    });
    assert.equal(head.next_offset, 1_048_576);
    assert.ok((await footprint(server.child.pid ?? 0)).residentBytes < before + 256 * 1024 * 1024);
    await operate(server.url, 'workspace_delete', { workspace_id });
  });

  once('failure.16', async server => {
    const { workspace_id } = await operate(server.url, 'workspace_create', {});
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256));
    await operate(server.url, 'fs_write', {
      workspace_id,
      path: 'b',
      content: bytes.toString('base64'),
      encoding: 'base64',
    });
    const back = await operate(server.url, 'fs_read', { workspace_id, path: 'b', encoding: 'base64' });
    assert.ok(Buffer.from(String(back.content), 'base64').equals(bytes));
    await operate(server.url, 'workspace_delete', { workspace_id });
  });

  once(
    'failure.19',
    restarting(async (first, again) => {
      const count = Number(process.env.BOXSWAIN_TEST_TASKS ?? 5 * QUEUE_PER_HUB);
      const { workspace_id } = await operate(first.url, 'workspace_create', {});
      let last: Json = {};
      for (let i = 0; i < count; i++) {
        last = await operate(first.url, 'run_python', { workspace_id, code: `print(${i})`, idempotency_key: `n${i}` });
        assert.equal(last.stdout, `${i}\n`, JSON.stringify(last));
      }
      await first.stop();
      const server = await again();
      const { tasks } = await operate(server.url, 'task_list', { workspace_id, limit: 3 });
      assert.ok(Array.isArray(tasks));
      assert.deepEqual(
        tasks.map(task => task.sequence),
        [count, count - 1, count - 2],
      );
    }),
  );

  once('feature.secrets', async () => {
    const scratch = await scratchDirectory();
    const secrets = join(scratch.path, 'secrets');
    await mkdir(secrets, { mode: 0o700 });
    await writeFile(join(secrets, 'api'), 'hush-hush-value\n', { mode: 0o600 });
    await writeFile(join(secrets, 'open'), 'readable', { mode: 0o600 });
    await chmod(join(secrets, 'open'), 0o644);
    const env = { BOXSWAIN_SANDBOX_SECRETS_DIRECTORY: secrets, BOXSWAIN_LOG_LEVEL: 'debug' };
    await withServer(env, async server => {
      const run = await operate(server.url, 'run_command', {
        command: 'echo "$KEY" | rev; echo "got $KEY"',
        env: { KEY: 'secret:api' },
      });
      assert.equal(run.stdout, 'eulav-hsuh-hsuh\ngot [secret:api]\n');
      assert.equal(
        (await operate(server.url, 'run_command', { command: 'true', env: { KEY: 'secret:open' } })).code,
        'POLICY_DENIED',
      );
      assert.doesNotMatch(server.log(), /hush-hush-value/);
    });
    await scratch.remove();
  });

  once('feature.audit', () =>
    withServer({}, async (server, _again, { query, env }) => {
      const { workspace_id } = await operate(server.url, 'workspace_create', {});
      await operate(server.url, 'fs_read', { workspace_id, path: 'absent' });
      await server.stop();
      const rows = z
        .array(z.object({ operation: z.string(), outcome: z.string(), duration_ms: z.number(), caller: z.string() }))
        .parse(await query("select * from audit where operation in ('workspace_create', 'fs_read') order by seq"));
      assert.deepEqual(
        rows.map(row => [row.operation, row.outcome, row.caller]),
        [
          ['workspace_create', 'ok', 'local'],
          ['fs_read', 'FILE_NOT_FOUND', 'local'],
        ],
      );
      const doctor = JSON.parse((await runCli(['doctor', '--json', '--directory', server.directory], { env })).stdout);
      const records = doctor.checks.find((check: { name: string }) => check.name === 'records');
      assert.equal(records.state, 'ok', records.detail);
    }),
  );

  once('error.INSUFFICIENT_SCOPE', async () => {
    const reader = { id: 'reader', scopes: new Set(['sandbox:read']), teams: new Set<string>() };
    assert.doesNotThrow(() => requireScope('sandbox:read', reader));
    assert.throws(
      () => requireScope('sandbox:write', reader),
      (error: unknown) =>
        error instanceof AppError && error.code === 'INSUFFICIENT_SCOPE' && error.message.includes('sandbox:write'),
    );
  });

  once('error.LIMIT_UNENFORCEABLE', async () => {
    const limits = {
      memory_mb: 'soft',
      cpus: 'soft',
      pids: 'hard',
      disk_mb: 'none',
      wall_seconds: 'hard',
      output_mb: 'hard',
    } as const;
    const engine = { name: 'bubblewrap', limits };
    const refused = (requested: string[], allowSoft: boolean) => {
      try {
        checkLimits({ requested, allowSoft }, engine);
        return undefined;
      } catch (error) {
        return error instanceof AppError ? `${error.code} ${error.message}` : 'another error';
      }
    };
    assert.match(refused(['memory_mb'], false) ?? '', /^LIMIT_UNENFORCEABLE .*bubblewrap.*memory_mb/);
    assert.equal(refused(['memory_mb', 'pids'], true), undefined);
    assert.match(refused(['disk_mb'], true) ?? '', /^LIMIT_UNENFORCEABLE .*disk_mb/);
  });

  once('error.INTERNAL_ERROR', async () => {
    const broken = defineOperation({
      name: 'broken',
      toolset: 'sandbox',
      title: 'Broken',
      description: 'Fails in a way that nobody foresaw.',
      input: z.strictObject({}),
      output: z.looseObject({}),
      hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
      scope: 'any',
      cli: { words: ['sandbox', 'broken'], examples: [] },
      run: async () => {
        throw new Error('at /secret/path line 7');
      },
    });
    const error = await invokeAlone(broken, {});
    assert.equal(error?.code, 'INTERNAL_ERROR');
    assert.match(error?.message ?? '', /^internal error, reference [0-9a-f-]{36}$/);
    assert.doesNotMatch(JSON.stringify(error), /secret/);
  });
}
