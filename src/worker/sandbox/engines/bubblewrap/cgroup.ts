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
}

/** A machine's control groups, version 1 or 2 behind one face. */
export interface CgroupBackend {
  readonly version: 1 | 2;
  /** Folders that hold the groups of boxes, one in each hierarchy. */
  readonly parents: readonly string[];
  /** Where the groups of a box will lie; recorded before they are made. */
  foldersOf(id: string): string[];
  create(id: string, limits: CgroupLimits): Promise<Cgroup>;
  /** Removes what was made to hold groups, unless another worker still has some in it. */
  close(): Promise<void>;
}

/** Undefined where this process may not make groups of its own. */
export async function openCgroups(): Promise<CgroupBackend | undefined> {
  const own = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  return existsSync('/sys/fs/cgroup/cgroup.controllers') ? openCgroupV2(own) : openCgroupV1(own);
}
