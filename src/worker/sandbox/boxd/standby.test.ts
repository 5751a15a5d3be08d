import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { childrenOf } from '../engines/bubblewrap/process-tree.ts';
import { exec, finish, limits, python, shell, type StartedBoxd, standingBy, startBoxd } from './boxd-for-tests.ts';

const KEPT_MS = 1_500;
const PID = 'import os; print(os.getpid())';

describe('a fork that stands by', () => {
  let box: StartedBoxd;
  before(async () => {
    box = await startBoxd({ standbyMs: KEPT_MS });
  });
  after(() => box[Symbol.asyncDispose]());
  const forks = () => childrenOf(box.process.pid ?? 0);
  const gone = async (pid: number) => {
    while ((await forks()).includes(pid)) await setTimeout(5);
  };

  test('runs the next program, and another takes its place', async () => {
    const first = await standingBy(box);
    assert.equal((await python(box.boxd, PID)).stdout, `${first}\n`);
    const second = await standingBy(box);
    assert.notEqual(second, first);
    assert.equal((await python(box.boxd, PID)).stdout, `${second}\n`);
  });

  test('has the limits, the signals and the standing of any program', async () => {
    const code = [
      'import os, resource, signal, sys',
      'print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, os.getsid(0) == os.getpid())',
      'print(resource.getrlimit(resource.RLIMIT_FSIZE), open("/proc/self/oom_score_adj").read().strip())',
      'print(os.stat("/proc/self/environ").st_uid == os.getuid(), sorted(os.listdir("/proc/self/fd"))[:3])',
      'print(sys.argv, os.getcwd(), sys.path[0], os.environ["A"], [name for name in sys.modules if "boxd" in name])',
    ].join('\n');
    const limited = await startBoxd({ limits: { fileBytes: 1_000_000 } });
    try {
      const more = { args: ['x'], env: { A: '1' } };
      const forked = await python(limited.boxd, code, more);
      await standingBy(limited);
      const stoodBy = await python(limited.boxd, code, more);
      assert.equal(forked.stderr, '');
      assert.match(forked.stdout, /^True True\n\(1000000, 1000000\) 1000\nTrue /);
      assert.equal(stoodBy.stdout, forked.stdout);
    } finally {
      await limited[Symbol.asyncDispose]();
    }
  });

  test('that was killed is not missed', async () => {
    const pid = await standingBy(box);
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    assert.equal((await python(box.boxd, 'print(1)')).stdout, '1\n');
  });

  test('that is killed in the moment before it is told is not missed either, or said to have been', async () => {
    for (let round = 0; round < 20; round++) {
      const pid = await standingBy(box);
      process.kill(pid, 'SIGKILL');
      const end = await python(box.boxd, 'print(1)');
      assert.deepEqual(
        [end.stdout, end.exitCode, end.signal],
        end.signal === null ? ['1\n', 0, null] : ['', null, 'SIGKILL'],
      );
    }
  });

  test('goes when nobody comes, and is there again after the next program', async () => {
    const pid = await standingBy(box);
    await gone(pid);
    assert.deepEqual(await forks(), []);
    assert.equal((await python(box.boxd, 'print(1)')).stdout, '1\n');
    assert.notEqual(await standingBy(box), pid);
  });

  test('is not told of what needs input, or is too long for it', async () => {
    const pid = await standingBy(box);
    const stdin = await python(box.boxd, `${PID}; print(input())`, { stdin: Buffer.from('given') });
    assert.match(stdin.stdout, /^\d+\ngiven\n$/);
    const long = await python(box.boxd, `${PID}\n#${'x'.repeat(100_000)}`);
    for (const { stdout } of [stdin, long]) assert.ok(!stdout.startsWith(`${pid}\n`), stdout);
  });

  test('sees files, packages and variables as they are when it is told, not when it was made', async () => {
    await standingBy(box);
    await shell(box.boxd, 'echo "value = 3" > later.py; echo "value = 4" > random.py');
    assert.equal((await python(box.boxd, 'import later, random; print(later.value, random.value)')).stdout, '3 4\n');
    await exec(box.boxd, ['rm', 'later.py', 'random.py']);
  });

  test('ends with all that its program started, and takes nothing with it that was there before', async () => {
    await standingBy(box);
    const older = await shell(box.boxd, 'setsid sleep 300 > /dev/null 2>&1 & echo $!');
    const run = {
      source: { code: 'import subprocess, time\nprint(subprocess.Popen(["sleep", "300"]).pid)\ntime.sleep(300)' },
    };
    const end = await finish(options =>
      box.boxd.python({ ...run, args: [], env: {}, ...limits, timeoutMs: 500 }, options),
    );
    assert.equal(end.timedOut, true);
    const isAlive = async (pid: string) =>
      (await exec(box.boxd, ['sh', '-c', `grep -qs "^State:.[^Z]" /proc/${pid.trim()}/status && echo yes`])).stdout ===
      'yes\n';
    assert.deepEqual([await isAlive(end.stdout), await isAlive(older.stdout)], [false, true]);
    process.kill(Number(older.stdout), 'SIGKILL');
  });

  test('is not made where a box may have only few processes', async () => {
    const small = await startBoxd({ limits: { processes: 15 } });
    try {
      await python(small.boxd, 'pass');
      // Longer than it takes until boxd is warm.
      await setTimeout(3_500);
      await python(small.boxd, 'pass');
      await setTimeout(100);
      assert.deepEqual(await childrenOf(small.process.pid ?? 0), []);
    } finally {
      await small[Symbol.asyncDispose]();
    }
  });
});
