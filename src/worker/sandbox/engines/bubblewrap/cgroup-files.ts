import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const CGROUP_ROOT = '/sys/fs/cgroup';
const REMOVAL_TRIES = 200;
const REMOVAL_PAUSE_MS = 5;
const MAKING_TRIES = 100;

/** The number after `key` in a file of `key value` lines, or the only number there is; 0 where it cannot be read. */
export async function readCounter(file: string, key?: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (key === undefined) return Number(text.trim()) || 0;
  const line = text.split('\n').find(candidate => candidate.startsWith(`${key} `));
  return Number(line?.split(' ')[1]) || 0;
}

/** Writes a value that not every kernel knows. */
export async function writeIfThere(file: string, value: string): Promise<void> {
  await writeFile(file, value).catch(() => undefined);
}

/**
 * Makes a group and the one it lies in. Another worker that leaves removes that one as soon as it is empty: the group is then refused
 * as of an unknown or (in the middle of it) of a dying parent, and both are made again. Recursive `mkdir` gives up there.
 */
export async function makeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await makeUnlessThere(dirname(folder));
      await makeUnlessThere(folder);
      return;
    } catch (error) {
      const code = codeOf(error);
      if ((code !== 'ENOENT' && code !== 'ENODEV') || tries >= MAKING_TRIES) throw error;
    }
  }
}

async function makeUnlessThere(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** The kernel empties a group a moment after its last process died, and tells nobody: so it is asked again. */
export async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || tries >= REMOVAL_TRIES) throw error;
      await delay(REMOVAL_PAUSE_MS);
    }
  }
}

/** Kills what is in the groups of a box, and removes them: what a worker that crashed left. */
export async function endGroups(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    // Only version 2 has it.
    await writeIfThere(join(folder, 'cgroup.kill'), '1');
    const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
    for (const pid of text.split('\n').map(Number)) if (pid > 1) killQuietly(pid);
  }
  for (const folder of folders) await removeGroup(folder);
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already, which is what was wanted.
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
