import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openCgroupV2 } from './cgroup-v2.ts';

const limits = { memoryBytes: 64 << 20, processes: 32, cpus: 0.5 };

/**
 * A plain folder stands for the kernel's file system: what is shown is which files are written with what, and how those of the
 * kernel are understood, which are in its documented form. What the kernel makes of it, and removing groups, cannot be shown so.
 */
describe('control groups of version 2', () => {
  let root: string;
  let service: string;
  const own = '0::/system.slice/boxswain.service\n';
  const text = (...path: string[]) => readFile(join(service, ...path), 'utf8');

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'boxswain-cgroup2-'));
    service = join(root, 'system.slice', 'boxswain.service');
    await mkdir(service, { recursive: true });
    await writeFile(join(service, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test('are made below our own group, which we leave first, with the controllers turned on for each level', async () => {
    const backend = await openCgroupV2(own, root);
    assert.equal(backend?.version, 2);
    assert.deepEqual(backend?.parents, [join(service, 'boxswain')]);
    assert.equal(await text('boxswain-hub', 'cgroup.procs'), String(process.pid));
    assert.equal(await text('cgroup.subtree_control'), '+memory +pids +cpu');
    assert.equal(await text('boxswain', 'cgroup.subtree_control'), '+memory +pids +cpu');
  });

  test('hold the limits of a box before a process is in it', async () => {
    const backend = await openCgroupV2(own, root);
    const group = await backend?.create('box_1', limits);
    assert.deepEqual(backend?.foldersOf('box_1'), [join(service, 'boxswain', 'box_1')]);
    assert.equal(await text('boxswain', 'box_1', 'memory.max'), '67108864');
    assert.equal(await text('boxswain', 'box_1', 'pids.max'), '36', 'with room for the first process and boxd');
    assert.equal(await text('boxswain', 'box_1', 'cpu.max'), '50000 100000');
    assert.equal((await readdir(join(service, 'boxswain', 'box_1'))).includes('cgroup.procs'), false);
    await group?.add(4711);
    assert.equal(await text('boxswain', 'box_1', 'cgroup.procs'), '4711');
  });

  test('tell what a box takes and which limits it has met', async () => {
    const group = await (await openCgroupV2(own, root))?.create('box_1', limits);
    const folder = join(service, 'boxswain', 'box_1');
    await writeFile(join(folder, 'memory.current'), '1048576\n');
    await writeFile(join(folder, 'cpu.stat'), 'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n');
    await writeFile(join(folder, 'memory.events'), 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n');
    await writeFile(join(folder, 'pids.events'), 'max 7\n');
    assert.deepEqual(await group?.stats(), { memoryBytes: 1048576, cpuMs: 2500, oomKills: 2, pidsRefused: 7 });
  });

  test('of a box that is gone count nothing', async () => {
    const group = await (await openCgroupV2(own, root))?.create('box_1', limits);
    await rm(join(service, 'boxswain', 'box_1'), { recursive: true });
    assert.deepEqual(await group?.stats(), { memoryBytes: 0, cpuMs: 0, oomKills: 0, pidsRefused: 0 });
  });

  test('are beside those of the process that started this one, not below its own', async () => {
    await mkdir(join(service, 'boxswain-hub'));
    const backend = await openCgroupV2('0::/system.slice/boxswain.service/boxswain-hub\n', root);
    assert.deepEqual(backend?.parents, [join(service, 'boxswain')]);
  });

  test('are not there without the three controllers, without a group, and where nothing may be written', async () => {
    await writeFile(join(service, 'cgroup.controllers'), 'cpu pids\n');
    assert.equal(await openCgroupV2(own, root), undefined);
    assert.equal(await openCgroupV2('4:memory:/x\n', root), undefined);
    await writeFile(join(service, 'cgroup.controllers'), 'cpu memory pids\n');
    // A file where the folder would be stands for a group that was not delegated to us.
    await writeFile(join(service, 'boxswain'), '');
    assert.equal(await openCgroupV2(own, root), undefined);
  });
});
