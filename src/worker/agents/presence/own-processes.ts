import { readProcessTable } from '../processes/process-table.ts';

/** Which of the processes are these or were started by them. */
export async function ownAmong(pids: readonly number[], roots: readonly number[]): Promise<Set<number>> {
  const owners = new Set(roots);
  const parents = new Map((await readProcessTable()).map(({ pid, parent }) => [pid, parent]));
  const isOwn = (pid: number): boolean => {
    // A table that is read while it changes may hold a loop.
    for (let at: number | undefined = pid, steps = 0; at !== undefined && steps < MOST_STEPS; steps += 1) {
      if (owners.has(at)) return true;
      at = parents.get(at);
    }
    return false;
  };
  return new Set(pids.filter(isOwn));
}

const MOST_STEPS = 100;
