import { createHash } from 'node:crypto';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { killQuietly } from './cgroup-files.ts';

/** Names the directory in the commands of its launchers, without telling it to code in a box. */
export function launcherMark(directory: string): string {
  return `boxswain-${createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 24)}`;
}

/**
 * Ends launchers of this directory that no worker waits for, and answers how many there were. A launcher that loses its worker in the
 * moment between starting and asking the kernel to end it too, or whose second half waits for a first half that is gone, is in no
 * record and would stay for ever.
 */
export async function endOrphans(directory: string): Promise<number> {
  const mark = launcherMark(directory);
  let ended = 0;
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !(await isMarked(pid, mark)) || (await hasLivingParent(pid, mark))) continue;
    killQuietly(pid);
    ended += 1;
  }
  return ended;
}

/** Ends a launcher together with what it has started: its second half would wait for it. */
export async function endLauncher(pid: number): Promise<void> {
  if (pid <= 1) return;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  killQuietly(pid);
  for (const child of children.split(' ').map(Number)) if (child > 1) killQuietly(child);
}

async function isMarked(pid: number, mark: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').includes(mark);
}

/** A worker, or the first half of the same launcher. */
async function hasLivingParent(pid: number, mark: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  if (parent <= 1) return false;
  const [program, ownProgram] = await Promise.all([
    readlink(`/proc/${parent}/exe`).catch(() => ''),
    readlink('/proc/self/exe'),
  ]);
  return program === ownProgram || (await isMarked(parent, mark));
}
