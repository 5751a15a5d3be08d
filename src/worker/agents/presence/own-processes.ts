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

/**
 * Which of the processes have ended, though nobody has taken notice: Claude Code goes on listing them. Where process 1 takes none,
 * as in many containers, that is for good. Outside of Linux: none.
 */
export async function endedAmong(pids: readonly number[]): Promise<Set<number>> {
  const ended = pids.map(async pid => {
    const [state = ''] = await statOf(pid);
    return ['Z', 'X'].includes(state) ? [pid] : [];
  });
  return new Set((await Promise.all(ended)).flat());
}

/** Undefined when there is no such process. */
async function parentOf(pid: number): Promise<number | undefined> {
  const [, parent] = await statOf(pid);
  return parent === undefined ? undefined : Number(parent);
}

/** The fields of /proc/<pid>/stat from its third, the state, on; empty when there is no such process. */
async function statOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The program's own name stands in brackets and may hold anything.
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
