import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { reachable } from '../../../../../test/support/reachable.ts';

const script = join(import.meta.dirname, '..', '..', '..', '..', '..', 'test', 'support', 'use-engine.ts');
const SOMEBODY = 70_432;
const isRoot = process.getuid?.() === 0;

const answerSchema = z.object({
  report: z.object({ works: z.boolean(), remedy: z.string().optional(), limits: z.record(z.string(), z.string()) }),
  exitCode: z.number().nullish(),
  limitHit: z.string().optional(),
  output: z.string().optional(),
  left: z.array(z.string()).optional(),
});
type Answer = z.output<typeof answerSchema>;

/** Folders in each other, far deeper than a path can be long, the deepest of them closed to their owner. */
const DEEP = `python3 -c '
import os
for n in range(6000):
    os.mkdir("d"); os.chdir("d")
for name in ("closed", "unwritable"):
    os.mkdir(name); open(name + "/f", "w").close()
os.chmod("closed", 0); os.chmod("unwritable", 0o500)
os.chdir("/workspace")
os.makedirs("a/b"); os.chmod("a/b", 0); os.chmod("a", 0)
' && echo made`;

describe('a box and its storage', () => {
  let place: string;
  before(async () => {
    place = await mkdtemp(join(tmpdir(), 'boxswain-circumstances-'));
    await promisify(execFile)('/bin/chmod', ['711', place]);
  });
  after(() => rm(place, { recursive: true, force: true }));

  /** Runs the command in a box of a server that is started by `words` in front of its own command. */
  const use = async (
    name: string,
    { words = [], command, uid }: { words?: string[]; command: string; uid?: number },
  ): Promise<Answer> => {
    const directory = join(place, name);
    if (uid !== undefined) {
      await mkdir(directory, { mode: 0o711 });
      await chown(directory, uid, uid);
    }
    const own = [process.execPath, script, directory, command];
    const become = uid === undefined ? [] : ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    const copy = join(place, `${name}-copy`);
    const all = [...words, ...become, ...(uid === undefined ? own : await reachable(own, { become, copy }))];
    const [program = '', ...args] = all;
    const { stdout } = await promisify(execFile)(program, args, { cwd: '/', maxBuffer: 1 << 26 });
    return answerSchema.parse(JSON.parse(stdout));
  };
  const asUser = isRoot ? { uid: SOMEBODY } : {};

  test('work when the server was started with a umask that closes all it makes', async () => {
    const umask = ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'];
    const command = 'umask; whoami; cat /etc/hosts | head -c 9; echo; touch f; ls /etc/ssl >/dev/null && ls /workspace';
    const { report, output } = await use('umask', { words: umask, command });
    assert.equal(report.works, true, report.remedy);
    assert.equal(output, '0022\nbox\n127.0.0.1\nartifacts\nf\n');
  });

  test('work for an ordinary user, whose limits are soft but for processes', async () => {
    const forks = `exec python3 -c '
import os, time
for n in range(64):
    if os.fork() == 0: time.sleep(20); os._exit(0)
' 2>&1`;
    const { report, output, exitCode, limitHit } = await use('user', { ...asUser, command: forks });
    assert.equal(report.works, true, report.remedy);
    const { memory_mb, cpus, pids, disk_mb } = report.limits;
    assert.deepEqual(
      { memory_mb, cpus, pids, disk_mb },
      { memory_mb: 'soft', cpus: 'soft', pids: 'hard', disk_mb: 'soft' },
    );
    assert.match(output ?? '', /\nBlockingIOError: .*temporarily unavailable\n$/);
    assert.deepEqual({ exitCode, limitHit }, { exitCode: 1, limitHit: 'pids' });
  });

  test('are gone when they are removed, however deep and closed the folders are', async () => {
    const { exitCode, output, left } = await use('deep', { ...asUser, command: DEEP });
    assert.deepEqual({ exitCode, output, left }, { exitCode: 0, output: 'made\n', left: [] });
  });

  if (isRoot) {
    test('work for root without the right to mount, with a soft disk limit', async () => {
      const words = ['/usr/bin/setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
      const { report, output } = await use('unmounted', { words, command: 'echo here > f; cat f' });
      assert.equal(report.works, true, report.remedy);
      assert.equal(report.limits.disk_mb, 'soft');
      assert.equal(output, 'here\n');
    });
  }
});
