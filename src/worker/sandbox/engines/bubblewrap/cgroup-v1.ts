import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '../../../../ids/ids.ts';
import type { Cgroup, CgroupBackend, CgroupLimits, CgroupStats } from './cgroup.ts';
import { CGROUP_ROOT, makeGroup, readCounter, writeIfThere } from './cgroup-files.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
type Controller = (typeof CONTROLLERS)[number];
const CPU_PERIOD_US = 100_000;
/** bubblewrap's first process, boxd, its relay and its fork that stands by do not count against what the caller may start. */
export const PROCESS_HEADROOM = 4;

/** Groups below our own ones, so that a container's limits hold for boxes too. `own`: /proc/self/cgroup. */
export async function openCgroupV1(own: string): Promise<CgroupBackend | undefined> {
  const folders = new Map<Controller, string>();
  for (const line of own.split('\n')) {
    const [, names = '', path = ''] = line.split(':');
    for (const controller of CONTROLLERS) {
      if (names.split(',').includes(controller))
        folders.set(controller, join(CGROUP_ROOT, controller, path, 'boxswain'));
    }
  }
  const folderOf = (controller: Controller, id: string): string => join(folders.get(controller) ?? CGROUP_ROOT, id);
  if (folders.size < CONTROLLERS.length) return undefined;
  try {
    const trialId = newId('box');
    for (const controller of folders.keys()) {
      const trial = folderOf(controller, trialId);
      await makeGroup(trial);
      await rmdir(trial);
    }
  } catch {
    return undefined;
  }
  return {
    version: 1,
    parents: [...folders.values()],
    foldersOf: id => [...folders.values()].map(folder => join(folder, id)),
    create: async (id, limits) => {
      for (const controller of folders.keys()) await makeGroup(folderOf(controller, id));
      await setLimits(controller => folderOf(controller, id), limits);
      return groupOf(controller => folderOf(controller, id));
    },
    close: async () => {
      // Refused while there are groups in it; made again by who needs it.
      for (const folder of folders.values()) await rmdir(folder).catch(() => {});
    },
  };
}

async function setLimits(
  folder: (controller: Controller) => string,
  { memoryBytes, processes, cpus }: CgroupLimits,
): Promise<void> {
  await writeFile(join(folder('memory'), 'memory.limit_in_bytes'), String(memoryBytes));
  await writeIfThere(join(folder('memory'), 'memory.memsw.limit_in_bytes'), String(memoryBytes));
  await writeIfThere(join(folder('memory'), 'memory.swappiness'), '0');
  await writeFile(join(folder('pids'), 'pids.max'), String(processes + PROCESS_HEADROOM));
  await writeFile(join(folder('cpu'), 'cpu.cfs_period_us'), String(CPU_PERIOD_US));
  await writeFile(join(folder('cpu'), 'cpu.cfs_quota_us'), String(Math.round(cpus * CPU_PERIOD_US)));
}

function groupOf(folder: (controller: Controller) => string): Cgroup {
  const memory = folder('memory');
  return {
    add: async pid => {
      for (const controller of CONTROLLERS) await writeFile(join(folder(controller), 'cgroup.procs'), String(pid));
    },
    stats: async (): Promise<CgroupStats> => {
      const [memoryBytes, cpuNs, oomKills, pidsRefused] = await Promise.all([
        readCounter(join(memory, 'memory.usage_in_bytes')),
        readFile(join(folder('cpuacct'), 'cpuacct.usage'), 'utf8').catch(() => '0'),
        readCounter(join(memory, 'memory.oom_control'), 'oom_kill'),
        readCounter(join(folder('pids'), 'pids.events'), 'max'),
      ]);
      return { memoryBytes, cpuMs: Math.round(Number(cpuNs) / 1e6), oomKills, pidsRefused };
    },
  };
}
