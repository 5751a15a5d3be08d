import { readFile } from 'node:fs/promises';

/** What reads a table that changes meanwhile may find a loop. */
const MOST_STEPS = 100;

/** Which of the processes are these or were started by them. Outside of Linux: which of them are these. */
export async function ownAmong(pids: readonly number[], roots: readonly number[]): Promise<Set<number>> {
  const owners = new Set(roots);
  const own = pids.map(async pid => ((await comesFrom(pid, owners)) ? [pid] : []));
  return new Set((await Promise.all(own)).flat());
}

async function comesFrom(pid: number, owners: ReadonlySet<number>): Promise<boolean> {
  let at: number | undefined = pid;
  for (let steps = 0; at !== undefined && steps < MOST_STEPS; steps += 1) {
    if (owners.has(at)) return true;
    at = await parentOf(at);
  }
  return false;
}

/** Field 4 of /proc/<pid>/stat; undefined when there is no such process. */
async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The program's own name stands in brackets and may hold anything.
  const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? undefined : Number(parent);
}
