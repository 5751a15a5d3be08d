import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from './support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from './support/server.ts';
import { type Json, operate as operateAt } from './support/operations-api.ts';

interface Bomb {
  readonly name: string;
  readonly tool: 'run_python' | 'run_command';
  readonly program: string;
  readonly timeoutSeconds?: number;
  /** What the run, or the death of the box, must name. */
  readonly reason: string | undefined;
}

const PATIENCE_MS = 30_000;

const bombs: Bomb[] = [
  { name: 'a fork bomb', tool: 'run_command', program: ':(){ :|:& };:; sleep 2; wait', reason: 'pids' },
  {
    name: 'a process that doubles in sessions of its own',
    tool: 'run_python',
    program: 'import os\nwhile True:\n  if os.fork() == 0: os.setsid()',
    timeoutSeconds: 5,
    reason: 'pids',
  },
  {
    name: 'an allocation without end',
    tool: 'run_python',
    program: 'x = []\nwhile True: x.append(bytearray(1 << 20))',
    reason: 'oom',
  },
  { name: 'a full disk', tool: 'run_command', program: 'cat /dev/zero > full', reason: 'disk' },
  { name: 'a gigabyte of output', tool: 'run_command', program: 'head -c 1G /dev/zero', reason: 'output' },
  { name: 'an endless loop', tool: 'run_python', program: 'while True: pass', timeoutSeconds: 2, reason: 'wall' },
  {
    name: 'a FIFO among the artifacts',
    tool: 'run_command',
    program: 'mkfifo artifacts/pipe artifacts/other',
    reason: undefined,
  },
  {
    name: '100,000 files',
    tool: 'run_python',
    program: 'import os\nos.mkdir("many")\nfor i in range(100_000): open(f"many/{i}", "w").close()',
    timeoutSeconds: 60,
    reason: undefined,
  },
  { name: 'a killed boxd', tool: 'run_command', program: 'kill -9 2; sleep 30', reason: 'killed' },
  {
    name: 'a killed first process',
    tool: 'run_command',
    program: 'kill -9 1 2; kill -9 -1; sleep 30',
    reason: 'killed',
  },
];

describe('bombs', () => {
  let server: RunningServer;
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  const quiet = new AbortController();
  let echoes = 0;
  let slowestEchoMs = 0;
  const lost: string[] = [];

  const operate = (tool: string, args: Json) => operateAt(server.url, tool, args);

  /** Another caller's life meanwhile. */
  const keepEchoing = async (): Promise<void> => {
    while (!quiet.signal.aborted) {
      const start = performance.now();
      const { message } = await operate('echo', { message: 'still there' }).catch((error: unknown) => ({
        message: String(error),
      }));
      if (message === 'still there') echoes++;
      else lost.push(String(message));
      slowestEchoMs = Math.max(slowestEchoMs, performance.now() - start);
      await delay(20);
    }
  };

  before(async () => {
    scratch = await scratchDirectory();
    server = await startServer({ directory: scratch.path });
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  test('each bomb ends in its own reason, what follows works, and another caller is answered all the while', async t => {
    const echoing = keepEchoing();
    const limits = { memory_mb: 128, pids: 64, disk_mb: 64, output_mb: 4, allow_soft: true };
    for (const bomb of bombs) {
      await t.test(bomb.name, async () => {
        const wide = bomb.name === '100,000 files' ? { disk_mb: 2048, memory_mb: 512 } : {};
        const { workspace_id } = await operate('workspace_create', { limits: { ...limits, ...wide } });
        const program = bomb.tool === 'run_python' ? { code: bomb.program } : { command: bomb.program };
        const run = await operate(bomb.tool, {
          workspace_id,
          timeout_seconds: bomb.timeoutSeconds ?? 30,
          wait_seconds: 120,
          ...program,
        });
        const reason = run.code === 'SANDBOX_DIED' ? Object(run.details).reason : run.limit_hit;
        if (bomb.reason === 'killed' && run.code !== 'SANDBOX_DIED')
          assert.notEqual(run.exit_code, 0, JSON.stringify(run));
        else assert.equal(reason, bomb.reason, JSON.stringify(run).slice(0, 500));
        if (bomb.reason === undefined) assert.equal(run.exit_code, 0, JSON.stringify(run).slice(0, 500));
        const next = await operate('run_command', { workspace_id, command: 'rm -f full; echo next' });
        assert.equal(next.stdout, 'next\n', JSON.stringify(next).slice(0, 500));
        const listed = await operate('fs_list', { workspace_id, recursive: true, limit: 10 });
        assert.ok(Array.isArray(listed.entries));
        const deleted = await operate('workspace_delete', { workspace_id });
        assert.equal(deleted.deleted, true);
      });
    }
    quiet.abort();
    await echoing;
    t.diagnostic(`${echoes} echoes answered, the slowest in ${slowestEchoMs.toFixed(0)} ms`);
    assert.deepEqual(lost, []);
    assert.ok(echoes > 50);
  });

  test('a program that runs out of time in a fork that stood by ends with all that it let go, and with nothing that was there before', async () => {
    const { workspace_id } = await operate('workspace_create', {});
    const shell = async (command: string) => String((await operate('run_command', { workspace_id, command })).stdout);
    const forksOfBoxd = async () => (await shell('grep -lsx "PPid:.2" /proc/[0-9]*/status')).split('\n').length;
    const before = await forksOfBoxd();
    await operate('run_python', { workspace_id, code: 'pass' });
    await eventually(async () => (await forksOfBoxd()) > before, PATIENCE_MS);
    await shell('setsid -f sleep 300 > /dev/null 2>&1');
    const code =
      'import subprocess, time\nsubprocess.run(["setsid", "-f", "sleep", "301"])\nprint("let go")\ntime.sleep(60)';
    const run = await operate('run_python', { workspace_id, code, timeout_seconds: 2 });
    assert.deepEqual([run.stdout, run.timed_out], ['let go\n', true], JSON.stringify(run));
    const sleepers = await shell(
      'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " " | grep -o "sleep 30[0-9]" | sort -u',
    );
    assert.equal(sleepers, 'sleep 300\n');
    await operate('workspace_delete', { workspace_id });
  });
});
