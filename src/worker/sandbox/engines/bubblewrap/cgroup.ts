import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { openCgroupV1 } from './cgroup-v1.ts';
import { openCgroupV2 } from './cgroup-v2.ts';

export interface CgroupLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly cpus: number;
}

export interface CgroupStats {
  readonly memoryBytes: number;
  readonly cpuMs: number;
  readonly oomKills: number;
  readonly pidsRefused: number;
}

/** The control groups of one box. */
export interface Cgroup {
  add(pid: number): Promise<void>;
  stats(): Promise<CgroupStats>;
  /** Removes the groups; they must be empty, or become so soon. */
  remove(): Promise<void>;
}

/** A machine's control groups, version 1 or 2 behind one face. */
export interface CgroupBackend {
  readonly version: 1 | 2;
  create(id: string, limits: CgroupLimits): Promise<Cgroup>;
  /** Kills what is in the groups of this box and removes them: what a crashed worker left. */
  reap(id: string): Promise<void>;
}

/** Undefined where this process may not make groups of its own. */
export async function openCgroups(): Promise<CgroupBackend | undefined> {
  const own = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  return existsSync('/sys/fs/cgroup/cgroup.controllers') ? openCgroupV2(own) : openCgroupV1(own);
}
