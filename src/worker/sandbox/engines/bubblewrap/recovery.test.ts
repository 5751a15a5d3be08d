import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { processNameOf } from '../../../../ids/process-name.ts';
import { silentLog } from '../../../../log/log.ts';
import { createStorageRoom } from '../../storage.ts';
import { newTemporaryId, removeAbandonedStorage } from '../../temporary-storage.ts';
import { removeAbandonedGroups } from './abandoned-groups.ts';
import { createBubblewrapEngine } from './engine.ts';
import { BoxRegistry } from './registry.ts';

const orphanBoxes = join(import.meta.dirname, '..', '..', '..', '..', '..', 'test', 'support', 'orphan-boxes.ts');
const nobody = { pid: spawnSync('/bin/true').pid, startTime: '1' };

describe('what a worker that crashed has left', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxswain-recovery-'));
    await chmod(directory, 0o711);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test('is removed by one that was started in other control groups', async () => {
    const engine = createBubblewrapEngine({ directory, log: silentLog });
    const group = await makeMemoryGroup();
    const child = spawnIn(group, [process.execPath, orphanBoxes, directory]);
    try {
      if (child.stdout === null) throw new Error('there is no output');
      await once(createInterface({ input: child.stdout }), 'line');
      assert.equal((await boxesBelow(group)).length, group === undefined ? 0 : 2);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const removed = await engine.reap();
      assert.equal(removed.filter(line => line.startsWith('box ')).length, 2, removed.join());
      assert.deepEqual(await boxesBelow(group), []);
      assert.deepEqual(await readdir(join(directory, 'boxes')), []);
    } finally {
      await engine.close();
      if (group !== undefined) {
        await rmdir(join(group, 'boxswain')).catch(() => {});
        await rmdir(group);
      }
    }
  });

  test('does not hinder the rest when some of it cannot be removed, and living workers are left alone', async () => {
    const folder = join(directory, 'records');
    const registry = new BoxRegistry(folder, silentLog);
    await registry.add('box_mine', { pids: [], groups: [] });
    const me = await processNameOf(process.pid);
    const draft = (name: string, { pid, startTime }: typeof nobody) => `${name}.json.${pid}-${startTime}.new`;
    await writeFile(join(folder, draft('box_a', me)), '{"id":');
    await writeFile(join(folder, draft('box_b', nobody)), '{"id":');
    // Not to be removed as a file is: a folder, too old to be anybody's.
    await mkdir(join(folder, 'box_c.json'));
    await utimes(join(folder, 'box_c.json'), 0, 0);
    await writeFile(join(folder, 'box_d.json'), JSON.stringify({ id: 'box_d', owner: nobody, processes: [] }));
    const { removed, living } = await registry.reap();
    assert.deepEqual(removed, ['box box_d']);
    assert.deepEqual([...living], ['box_mine']);
    const left = await readdir(folder);
    assert.deepEqual(left.sort(), [draft('box_a', me), 'box_c.json', 'box_mine.json']);
  });

  test('of groups without a record, only empty ones of ours go that no worker is about to use', async () => {
    const root = join(directory, 'cgroup');
    const own = join(root, 'memory', 'session-2', 'boxswain');
    const [neighbour, used] = ['session-1', 'session-3'].map(name => join(root, 'memory', name, 'boxswain'));
    for (const path of [
      ...['box_empty', 'box_living', 'box_full/inner', 'somebody-elses'].map(name => join(own, name)),
      join(neighbour ?? '', 'box_old'),
      join(used ?? '', 'box_old'),
    ])
      await mkdir(path, { recursive: true });
    await writeFile(join(root, 'memory', 'session-1', 'cgroup.procs'), '');
    await writeFile(join(root, 'memory', 'session-3', 'cgroup.procs'), '1\n');
    const living = new Set(['box_living']);
    assert.deepEqual(await removeAbandonedGroups([own], { living, root }), [], 'all of them are new');
    const removed = await removeAbandonedGroups([own], { living, root, makingMs: 0 });
    assert.deepEqual(removed.sort(), ['box_empty', 'box_old']);
    assert.deepEqual((await readdir(own)).sort(), ['box_full', 'box_living', 'somebody-elses']);
    assert.deepEqual(await readdir(join(root, 'memory', 'session-1')), ['cgroup.procs']);
    assert.deepEqual((await readdir(join(root, 'memory', 'session-3'))).sort(), ['boxswain', 'cgroup.procs']);
  });

  test('of storage, what was made for its own use goes, also when its number is taken by another process', async () => {
    const room = createStorageRoom({ directory, log: silentLog, mountsImages: false });
    const mine = await newTemporaryId('spare');
    const earlier = `probe_${process.pid}_1_00`;
    for (const id of [mine, earlier, `spare_${nobody.pid}_1_00`, 'ws_kept']) await room.create(id, { diskMb: 16 });
    await removeAbandonedStorage(room, silentLog);
    assert.deepEqual((await room.list()).filter(id => !id.startsWith('box_')).sort(), [mine, 'ws_kept'].sort());
  });
});

/** A group beside ours for a worker to be started in, where the memory of this machine is counted by version 1 and we are root. */
async function makeMemoryGroup(): Promise<string | undefined> {
  const own = /^\d+:memory:(.*)$/m.exec(await readFile('/proc/self/cgroup', 'utf8'))?.[1];
  if (own === undefined || process.getuid?.() !== 0) return undefined;
  const group = join('/sys/fs/cgroup/memory', own, `boxswain-test-${process.pid}`);
  await mkdir(group);
  return group;
}

function spawnIn(group: string | undefined, command: string[]): ChildProcess {
  const enter = 'test -z "$0" || echo $$ > "$0/cgroup.procs"; exec "$@"';
  return spawn('/bin/sh', ['-c', enter, group ?? '', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function boxesBelow(group: string | undefined): Promise<string[]> {
  if (group === undefined) return [];
  const names = await readdir(join(group, 'boxswain')).catch(() => []);
  return names.filter(name => name.startsWith('box_'));
}
