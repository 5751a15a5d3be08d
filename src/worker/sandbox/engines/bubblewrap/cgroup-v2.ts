import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Cgroup, CgroupBackend } from './cgroup.ts';
import { CGROUP_ROOT, readCounter, writeIfThere } from './cgroup-files.ts';
import { PROCESS_HEADROOM } from './cgroup-v1.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu'];
const CPU_PERIOD_US = 100_000;
const HUB = 'boxswain-hub';

/**
 * The unified hierarchy. Needs a group that was delegated to us with the three controllers; a group with processes of its own may
 * not have controlled children, so this process first moves into a child of its own. `own`: /proc/self/cgroup; `root`: where the
 * hierarchy is mounted.
 */
export async function openCgroupV2(own: string, root: string = CGROUP_ROOT): Promise<CgroupBackend | undefined> {
  const path = /^0::(.*)$/m.exec(own)?.[1];
  if (path === undefined) return undefined;
  // A process that was started by one of us is in that child already.
  const parent = join(root, basename(path) === HUB ? dirname(path) : path);
  const base = join(parent, 'boxswain');
  try {
    const available = (await readFile(join(parent, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    if (!CONTROLLERS.every(controller => available.includes(controller))) return undefined;
    const hub = join(parent, HUB);
    await mkdir(hub, { recursive: true });
    await writeFile(join(hub, 'cgroup.procs'), String(process.pid));
    const enable = CONTROLLERS.map(controller => `+${controller}`).join(' ');
    await writeFile(join(parent, 'cgroup.subtree_control'), enable);
    await mkdir(base, { recursive: true });
    await writeFile(join(base, 'cgroup.subtree_control'), enable);
  } catch {
    return undefined;
  }
  return {
    version: 2,
    parents: [base],
    foldersOf: id => [join(base, id)],
    create: async (id, { memoryBytes, processes, cpus }) => {
      const folder = join(base, id);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'memory.max'), String(memoryBytes));
      await writeIfThere(join(folder, 'memory.swap.max'), '0');
      await writeFile(join(folder, 'pids.max'), String(processes + PROCESS_HEADROOM));
      await writeFile(join(folder, 'cpu.max'), `${Math.round(cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}`);
      return groupOf(folder);
    },
    // Its controllers were turned on once, for every worker that shares it, and we are in a group beside it ourselves.
    close: () => Promise.resolve(),
  };
}

function groupOf(folder: string): Cgroup {
  return {
    add: pid => writeFile(join(folder, 'cgroup.procs'), String(pid)),
    stats: async () => {
      const [memoryBytes, cpuUs, oomKills, pidsRefused] = await Promise.all([
        readCounter(join(folder, 'memory.current')),
        readCounter(join(folder, 'cpu.stat'), 'usage_usec'),
        readCounter(join(folder, 'memory.events'), 'oom_kill'),
        readCounter(join(folder, 'pids.events'), 'max'),
      ]);
      return { memoryBytes, cpuMs: Math.round(cpuUs / 1000), oomKills, pidsRefused };
    },
  };
}
