import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { leftovers } from '../../../../../test/support/leftovers.ts';
import { newId } from '../../../../ids/ids.ts';
import { silentLog } from '../../../../log/log.ts';
import type { Boxd, RunEnd } from '../../boxd/boxd.ts';
import { connectBoxd } from '../../boxd/boxd-client.ts';
import type { Box, BoxSpec } from '../../engine.ts';
import { createStorageRoom } from '../../storage.ts';
import { boxdLimits } from './boxd-limits.ts';
import { createBubblewrapEngine } from './engine.ts';

const limits = { memory_mb: 128, cpus: 1, pids: 64, disk_mb: 32, wall_seconds: 60, output_mb: 1 };

interface Opened {
  box: Box;
  boxd: Boxd;
  run(command: string, timeoutMs?: number): Promise<RunEnd & { out: string }>;
}

describe('bubblewrap engine', () => {
  let directory: string;
  const opened: Box[] = [];
  const room = () => createStorageRoom({ directory, log: silentLog });
  let engine: ReturnType<typeof createBubblewrapEngine>;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-engine-'));
    await chmod(directory, 0o711);
    engine = createBubblewrapEngine({ directory, log: silentLog });
  });
  after(async () => {
    for (const box of opened) await box.destroy('stopped');
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  });

  const open = async (spec: Partial<BoxSpec> = {}): Promise<Opened> => {
    const id = newId('box');
    const storage = spec.storage ?? (await room().create(id, { diskMb: limits.disk_mb }));
    const box = await engine.create({ id, storage, limits, ...spec }, AbortSignal.timeout(20_000));
    opened.push(box);
    const boxd = await connectBoxd(box.channel, boxdLimits(await engine.probe(), limits), box);
    const run: Opened['run'] = async (command, timeoutMs = 20_000) => {
      let out = '';
      const decoder = new TextDecoder();
      const request = { argv: ['bash', '-c', command], cwd: '', env: {}, timeoutMs, outputBytes: 1 << 20 };
      const end = await boxd.exec(request, {
        signal: AbortSignal.timeout(60_000),
        onOutput: (_stream, bytes) => {
          out += decoder.decode(bytes, { stream: true });
        },
      });
      return { ...end, out };
    };
    return { box, boxd, run };
  };

  test('the probe launches boxes and says which limits hold', async () => {
    const report = await engine.probe();
    assert.equal(report.works, true, report.remedy);
    assert.equal(report.limits.wall_seconds, 'hard');
    assert.notEqual(report.limits.memory_mb, 'none');
    assert.equal(await engine.probe(), report);
  });

  test('a box runs programs as nobody in particular, with files of its own and nothing of the host', async () => {
    const { run } = await open();
    assert.match((await run('id -u; hostname; ls /workspace; whoami')).out, /^1000\nbox\nartifacts\nbox\n$/);
    assert.equal((await run('cat /proc/1/environ | wc -c')).out, '0\n');
    assert.equal(
      (await run('grep -E "^Cap(Eff|Prm)|NoNewPrivs" /proc/self/status | tr -d "\\t "')).out,
      'CapPrm:0000000000000000\nCapEff:0000000000000000\nNoNewPrivs:1\n'.replace(/\t/g, ''),
    );
    for (const path of ['/x', '/dev/x', '/usr/x', '/etc/x', '/boxd/x'])
      assert.notEqual((await run(`touch ${path}`)).exitCode, 0, path);
    assert.equal((await run('ls -A /sys /home /root 2>/dev/null | wc -l')).out, '0\n');
  });

  test('an open descriptor of the server is not there in the box', async () => {
    const { run } = await open();
    assert.doesNotMatch((await run('ls -l /proc/self/fd /proc/$PPID/fd')).out, /shadow|records/);
  });

  test('files outlive the box, processes do not', async () => {
    const id = newId('box');
    const storage = await room().create(id, { diskMb: 32 });
    const first = await open({ id, storage });
    await first.run('echo kept > f; sleep 500 & echo env > /env/e');
    await first.box.destroy('stopped');
    assert.deepEqual(await first.box.exited, { kind: 'stopped', detail: 'destroyed' });
    const second = await open({ id, storage });
    assert.equal((await second.run('cat f /env/e; pgrep -c sleep')).out, 'kept\nenv\n0\n');
    await second.box.destroy('stopped');
    await room().remove(id);
    assert.equal(await room().open(id), undefined);
  });

  test('too much memory ends the program and the counter tells, or without a control group it is refused', async () => {
    const { box, run } = await open();
    const end = await run("python3 -c 'x = bytearray(500 << 20)' 2>&1");
    if ((await engine.probe()).limits.memory_mb === 'hard') {
      assert.ok(end.exitCode === 137 || end.signal === 'SIGKILL', JSON.stringify(end));
      assert.ok((await box.stats()).oomKills > 0);
    } else {
      assert.match(end.out, /MemoryError/);
    }
    assert.equal((await run('echo on')).out, 'on\n');
  });

  test('a fork bomb is stopped and the box stays usable', async () => {
    const { box, run } = await open();
    await run(':(){ :|:& };:; sleep 2', 4000);
    const { limits: enforced } = await engine.probe();
    // Without a control group the kernel refuses all the same, and counts nothing.
    if (enforced.cpus === 'hard') assert.ok((await box.stats()).pidsRefused > 0);
    assert.equal((await run('echo on')).out, 'on\n');
  });

  test('a run that is too late takes all with it that escaped it, and nothing that was let go a moment before it', async () => {
    const { run } = await open();
    const rounds = 15;
    for (let round = 1; round <= rounds; round += 1) {
      await run(`setsid -f sleep ${1000 + round} > /dev/null 2>&1`);
      const late = await run('for n in 1 2 3; do (setsid -f sleep 2000); done; sleep 30', 40);
      assert.equal(late.timedOut, true);
    }
    const { out } = await run(
      'cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " " | grep -o "sleep [12][0-9]*" | sort',
    );
    const kept = Array.from({ length: rounds }, (_, at) => `sleep ${1001 + at}\n`);
    assert.equal(out, kept.join(''));
  });

  test('a full disk is full at its limit and tmp, shm and root are bounded', async () => {
    const { run } = await open();
    const filled = await run('head -c 100M /dev/zero > big');
    assert.notEqual(filled.exitCode, 0);
    assert.equal(filled.diskFull, (await engine.probe()).limits.disk_mb === 'hard');
    assert.equal((await run('rm big; echo x > small; cat small')).out, 'x\n');
    assert.notEqual((await run('head -c 200M /dev/zero > /dev/shm/big')).exitCode, 0);
    assert.notEqual((await run('head -c 200M /dev/zero > /tmp/big')).exitCode, 0);
  });

  test('a killed boxd is the end of the box, and is said', async () => {
    const { box, run } = await open();
    await assert.rejects(run('kill -9 2; sleep 5'));
    assert.deepEqual(await box.exited, { kind: 'killed', detail: 'boxd' });
  });

  test('what a killed worker left is ended and removed, and nothing of a living one', async () => {
    const mine = await open();
    const script = fileURLToPath(new URL('../../../../../test/support/orphan-boxes.ts', import.meta.url));
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const removed = await engine.reap();
    assert.ok(removed.length >= 2, removed.join());
    const left = (await leftovers(directory, process.pid)).filter(line => !line.includes('orphan-boxes'));
    assert.deepEqual(left, []);
    assert.equal((await mine.run('echo on')).out, 'on\n');
    const groups = await readFile('/proc/self/cgroup', 'utf8');
    assert.ok(groups.length > 0);
  });
});
