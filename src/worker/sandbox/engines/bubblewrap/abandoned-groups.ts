import { readdir, readFile, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CGROUP_ROOT } from './cgroup-files.ts';

/** Names of groups that we make; no other folder is touched. */
const OURS = /^box_[a-z0-9]+$/;
/** A group is empty from its making until its box has been launched, which takes a minute at most. */
const MAKING_MS = 120_000;

/**
 * Removes groups of boxes that no record tells of, because the data directory of their worker is gone: those without processes,
 * below our own groups and those beside them (a worker is often started again in a group of another name). `living` are ids of
 * boxes that a worker still owns. Answers the ids.
 */
export async function removeAbandonedGroups(
  parents: readonly string[],
  {
    living,
    makingMs = MAKING_MS,
    root = CGROUP_ROOT,
  }: { living: ReadonlySet<string>; makingMs?: number; root?: string },
): Promise<string[]> {
  const removed = new Set<string>();
  for (const parent of parents) {
    for (const folder of [parent, ...(await neighboursOf(parent, root))]) {
      for (const name of await foldersIn(folder)) {
        if (!OURS.test(name) || living.has(name)) continue;
        const path = join(folder, name);
        if ((await isOld(path, makingMs)) && (await removeEmpty(path))) removed.add(name);
      }
      if (folder !== parent && (await isOld(folder, makingMs)) && (await isUnused(dirname(folder))))
        await removeEmpty(folder);
    }
  }
  return [...removed];
}

/** Folders of the same name in the groups beside the one that holds `parent`; none beside the root of a hierarchy. */
async function neighboursOf(parent: string, root: string): Promise<string[]> {
  const own = dirname(parent);
  const above = dirname(own);
  if (own === root || above === root || !above.startsWith(`${root}/`)) return [];
  const names = await foldersIn(above);
  return names.map(name => join(above, name, basename(parent))).filter(path => path !== parent);
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
}

async function isOld(path: string, ms: number): Promise<boolean> {
  const state = await stat(path).catch(() => undefined);
  // File times are finer than the clock's milliseconds: what was made in this one must not seem to be of the future.
  return state !== undefined && Date.now() - Math.floor(state.mtimeMs) >= ms;
}

async function isUnused(group: string): Promise<boolean> {
  return (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => 'unknown')) === '';
}

/** The kernel itself refuses to remove a group that has processes or groups in it. */
async function removeEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch {
    return false;
  }
}
