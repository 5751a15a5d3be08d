import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { exec, finish, limits, python, type StartedBoxd, shell, startBoxd } from './boxd-for-tests.ts';

const isAlive = (pid: number) => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const until = async (isTrue: () => boolean) => {
  for (let i = 0; i < 500 && !isTrue(); i += 1) await delay(10);
  assert.ok(isTrue(), 'it did not come true within 5 s');
};

describe('exec', () => {
  let box: StartedBoxd;
  before(async () => {
    box = await startBoxd({ environment: { FROM_WORKSPACE: 'w', BOTH: 'w' } });
  });
  after(() => box[Symbol.asyncDispose]());

  test('keeps the streams apart and tells the exit code', async () => {
    const end = await shell(box.boxd, 'echo out; echo err >&2; exit 3');
    assert.deepEqual([end.stdout, end.stderr, end.exitCode, end.signal], ['out\n', 'err\n', 3, null]);
    assert.deepEqual([end.timedOut, end.outputExceeded, end.diskFull], [false, false, false]);
  });

  test('gives a program the base environment, the workspace’s and the call’s, and nothing else', async () => {
    const end = await exec(box.boxd, ['/usr/bin/env'], { env: { BOTH: 'call', MINE: 'a=b' } });
    const entries = end.stdout.trimEnd().split('\n').sort();
    assert.deepEqual(entries, [
      'BOTH=call',
      'FROM_WORKSPACE=w',
      `HOME=${box.files}`,
      'LANG=C.UTF-8',
      'MINE=a=b',
      `NODE_PATH=${box.env}/node/node_modules`,
      `PATH=${box.env}/python/bin:${box.env}/node/node_modules/.bin:/opt/boxswain/bin:/usr/bin:/bin`,
      'TMPDIR=/tmp',
    ]);
  });

  test('passes stdin, also more than a pipe holds', async () => {
    const stdin = Buffer.alloc(3_000_000, 'x');
    const end = await shell(box.boxd, 'sleep 0.05; wc -c', { stdin });
    assert.equal(end.stdout.trim(), '3000000');
  });

  test('a program that does not read its stdin ends all the same', async () => {
    const end = await exec(box.boxd, ['/bin/true'], { stdin: Buffer.alloc(1_000_000) });
    assert.equal(end.exitCode, 0);
  });

  test('without stdin a program reads end of file', async () => {
    assert.equal((await exec(box.boxd, ['/bin/cat'])).exitCode, 0);
  });

  test('runs in the folder asked for', async () => {
    await shell(box.boxd, 'mkdir -p sub/dir');
    assert.equal((await shell(box.boxd, 'pwd', { cwd: 'sub/dir' })).stdout, `${box.files}/sub/dir\n`);
    assert.equal((await shell(box.boxd, 'pwd')).stdout, `${box.files}\n`);
    await assert.rejects(shell(box.boxd, 'pwd', { cwd: 'nope' }), { code: 'FILE_NOT_FOUND' });
    await assert.rejects(shell(box.boxd, 'pwd', { cwd: '..' }), { code: 'PATH_INVALID' });
    await shell(box.boxd, 'ln -s / out');
    await assert.rejects(shell(box.boxd, 'pwd', { cwd: 'out' }), { message: 'path leaves the workspace: out' });
  });

  test('a program that is missing or cannot be run ends with 127 or 126 and says so', async () => {
    const missing = await exec(box.boxd, ['no-such-program']);
    assert.deepEqual([missing.exitCode, missing.stderr], [127, 'no-such-program: command not found\n']);
    await box.boxd.write({ path: 'plain.txt', bytes: Buffer.from('hi'), createDirs: true });
    assert.equal((await exec(box.boxd, ['./plain.txt'])).exitCode, 126);
  });

  test('a script without an interpreter line is run by the shell', async () => {
    await shell(box.boxd, 'echo "echo from script \\$1" > script; chmod +x script');
    assert.equal((await exec(box.boxd, ['./script', 'arg'])).stdout, 'from script arg\n');
  });

  test('names the signal a program died of', async () => {
    const end = await shell(box.boxd, 'kill -SEGV $$');
    assert.deepEqual([end.exitCode, end.signal], [null, 'SIGSEGV']);
  });

  // The two that remain belong to the C library, which ignores them in what posix_spawn starts.
  test('signals have their defaults, as in a program started by a shell', async () => {
    const end = await shell(box.boxd, 'yes | head -1; grep SigIgn /proc/self/status');
    assert.match(end.stdout, /^y\nSigIgn:\t0000000[01][08]0000000\n$/);
  });

  test('a time-out kills the whole group and leaves the box usable', async () => {
    const end = await shell(box.boxd, 'sleep 100 & echo $!; (sleep 100); echo never', { timeoutMs: 300 });
    assert.deepEqual([end.timedOut, end.signal, end.exitCode], [true, 'SIGKILL', null]);
    await until(() => !isAlive(Number(end.stdout.trim())));
    assert.equal((await shell(box.boxd, 'echo on')).stdout, 'on\n');
  });

  test('a time-out also kills descendants that left the group', async () => {
    const script =
      'setsid bash -c "echo \\$\\$ > left.pid; sleep 100" & while ! [ -s left.pid ]; do :; done; echo ok; wait';
    const end = await shell(box.boxd, script, { timeoutMs: 1000 });
    assert.deepEqual([end.timedOut, end.stdout], [true, 'ok\n']);
    const pid = Number(readFileSync(join(box.files, 'left.pid'), 'utf8'));
    await until(() => !isAlive(pid));
  });

  test('processes that multiply within their group are all killed', async () => {
    // At most 150 at once, each forking anew as soon as another ends.
    const bomb = `
import os, time
stop = time.monotonic() + 30
def breed(depth):
    while time.monotonic() < stop:
        try:
            if depth < 5 and os.fork() == 0: breed(depth + 1)
        except OSError: pass
        time.sleep(0.05)
        if depth > 1: os._exit(0)
breed(0)`;
    const end = await python(box.boxd, bomb, { timeoutMs: 1000, env: { BOMB: 'boxd-test' } });
    assert.equal(end.timedOut, true);
    const count = async () =>
      Number((await shell(box.boxd, 'grep -l BOMB=boxd-test /proc/[0-9]*/environ 2>/dev/null | wc -l')).stdout);
    for (let i = 0; i < 100 && (await count()) > 0; i += 1) await delay(20);
    assert.equal(await count(), 0);
  });

  test('the result does not wait for children in the background, which live on and may go on writing', async () => {
    const end = await shell(box.boxd, '(while :; do echo tick; echo tock >&2; sleep 0.02; done) & echo $!');
    // Whichever of the two comes first.
    const pid = Number(end.stdout.split('\n').find(line => line !== 'tick'));
    await delay(200);
    assert.equal(isAlive(pid), true);
    await shell(box.boxd, `kill ${pid}`);
    await until(() => !isAlive(pid));
  });

  test('cancelling kills the program, then rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    let pid = 0;
    const run = finish(options => {
      const onOutput = (_: string, bytes: Uint8Array) => {
        pid = Number(Buffer.from(bytes).toString());
        controller.abort(reason);
      };
      return box.boxd.exec(
        { argv: ['/bin/bash', '-c', 'echo $$; sleep 100'], cwd: '', env: {}, ...limits },
        { ...options, onOutput },
      );
    }, controller.signal);
    await assert.rejects(run, reason);
    assert.equal(isAlive(pid), false);
  });

  test('a run that is cancelled before it started never starts', async () => {
    await assert.rejects(shell(box.boxd, 'touch started', {}, AbortSignal.abort(new Error('early'))), /early/);
    assert.equal(existsSync(join(box.files, 'started')), false);
  });

  test('a trouble of the listener ends the run and is told', async () => {
    const onOutput = () => {
      throw new Error('spool is full');
    };
    const request = { argv: ['/usr/bin/yes'], cwd: '', env: {}, timeoutMs: 20_000, outputBytes: 1 << 30 };
    await assert.rejects(box.boxd.exec(request, { signal: new AbortController().signal, onOutput }), /spool is full/);
  });

  test('too much output ends the run; what came before is delivered', async () => {
    const end = await shell(box.boxd, 'yes', { outputBytes: 100_000 });
    assert.deepEqual([end.outputExceeded, end.signal, end.stdout.length], [true, 'SIGKILL', 100_000]);
    const both = await shell(box.boxd, 'head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2; sleep 9', {
      outputBytes: 100_000,
    });
    assert.deepEqual([both.outputExceeded, both.stdout.length + both.stderr.length], [true, 100_000]);
  });

  test('exactly as much output as allowed is no excess', async () => {
    const end = await shell(box.boxd, 'head -c 100000 /dev/zero', { outputBytes: 100_000 });
    assert.deepEqual([end.outputExceeded, end.exitCode, end.stdout.length], [false, 0, 100_000]);
  });

  test('all output of a program that ended is delivered, however much it is', async () => {
    const end = await shell(box.boxd, 'head -c 8000000 /dev/zero | tr "\\0" x; head -c 3000000 /dev/zero >&2');
    assert.deepEqual([end.stdout.length, end.stderr.length, end.exitCode], [8_000_000, 3_000_000, 0]);
  });

  test('a listener that is slow slows the program, and boxd’s memory stays bounded', async () => {
    box.channel.pause();
    const run = shell(box.boxd, 'head -c 100000000 /dev/zero', { outputBytes: 1 << 30 });
    await delay(500);
    const status = readFileSync(`/proc/${box.process.pid}/status`, 'utf8');
    assert.ok(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) < 100_000, 'boxd holds more than 100 MB');
    box.channel.resume();
    assert.equal((await run).stdout.length, 100_000_000);
  });

  test('requests are answered while a run is busy', async () => {
    const controller = new AbortController();
    const run = shell(box.boxd, 'while :; do echo busy; done', { outputBytes: 2 ** 40 }, controller.signal);
    await box.boxd.write({ path: 'aside.txt', bytes: Buffer.from('aside'), createDirs: false });
    const slice = await box.boxd.read({ path: 'aside.txt', offset: 0, limit: 100 });
    assert.equal(Buffer.from(slice.bytes).toString(), 'aside');
    controller.abort();
    await assert.rejects(run, { name: 'AbortError' });
  });

  test('a job is the first victim when memory is short, and boxd is not', async () => {
    const own = readFileSync(`/proc/${box.process.pid}/oom_score_adj`, 'utf8').trim();
    assert.equal((await shell(box.boxd, 'cat /proc/self/oom_score_adj')).stdout.trim(), '1000');
    assert.equal((await python(box.boxd, 'print(open("/proc/self/oom_score_adj").read())')).stdout.trim(), '1000');
    assert.equal(readFileSync(`/proc/${box.process.pid}/oom_score_adj`, 'utf8').trim(), own);
  });

  test('a job has no descriptor but its three streams', async () => {
    // The last one is that of the listing itself.
    const listed = 'import os\nprint(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])';
    assert.equal((await exec(box.boxd, ['/usr/bin/python3', '-c', listed])).stdout, '[0, 1, 2]\n');
    assert.equal((await python(box.boxd, listed)).stdout, '[0, 1, 2]\n');
  });

  test('unusable requests are refused', async () => {
    await assert.rejects(exec(box.boxd, []), { code: 'VALIDATION_ERROR' });
    await assert.rejects(exec(box.boxd, ['a\0b']), { code: 'VALIDATION_ERROR' });
    await assert.rejects(exec(box.boxd, ['/bin/true'], { env: { 'A=B': 'x' } }), { code: 'VALIDATION_ERROR' });
  });
});

test('soft limits hold for commands and Python alike', async () => {
  await using box = await startBoxd({ limits: { memoryBytes: 400 * 1024 * 1024, fileBytes: 100_000, cpus: 1 } });
  const hog = 'try:\n  bytearray(600 * 1024 * 1024)\nexcept MemoryError: print("refused")';
  assert.equal((await python(box.boxd, hog)).stdout, 'refused\n');
  assert.equal((await exec(box.boxd, ['/usr/bin/python3', '-c', hog])).stdout, 'refused\n');
  assert.equal((await exec(box.boxd, ['/usr/bin/nproc'])).stdout, '1\n');
  // The moment in which a program's hard limit is that of boxd, a little above its own, ends soon after its start.
  assert.equal((await shell(box.boxd, 'sleep 0.2; ulimit -Hd')).stdout, `${400 * 1024}\n`);
  const first = Number((await shell(box.boxd, 'ulimit -Hd')).stdout);
  assert.ok(first <= 464 * 1024, `${first}`);
  assert.equal((await shell(box.boxd, 'head -c 200000 /dev/zero > big')).signal ?? 'exit', 'exit');
  assert.equal((await shell(box.boxd, 'stat -c %s big')).stdout, '100000\n');
});

test('a soft memory limit counts what can be written, not what is only reserved, as Node does', async () => {
  await using box = await startBoxd({ limits: { memoryBytes: 400 * 1024 * 1024 } });
  const reserve =
    'import mmap\nkept = mmap.mmap(-1, 2 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)\nprint("reserved")';
  assert.equal((await exec(box.boxd, ['/usr/bin/python3', '-c', reserve])).stdout, 'reserved\n');
});
