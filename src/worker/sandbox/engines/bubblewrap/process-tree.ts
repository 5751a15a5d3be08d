import { readFile, readdir } from 'node:fs/promises';

/** New processes may appear while a tree is being stopped; after so many looks one that only grows is given up. */
const MOST_LOOKS = 50;

/**
 * Sends SIGSTOP, or SIGCONT, to a process and everything that descends from it. The parent is stopped before its children are looked
 * for, and looked at again until nothing new is found, so none that a stopped process made is missed.
 */
export async function signalTree(root: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const reached = new Set<number>();
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const before = reached.size;
    await visit(root, { reached, signal });
    if (reached.size === before) return;
  }
}

async function visit(
  pid: number,
  { reached, signal }: { reached: Set<number>; signal: 'SIGSTOP' | 'SIGCONT' },
): Promise<void> {
  if (!reached.has(pid)) {
    reached.add(pid);
    try {
      process.kill(pid, signal);
    } catch {
      // Gone meanwhile: its children, if any, are its ancestor's now.
      return;
    }
  }
  for (const child of await childrenOf(pid)) await visit(child, { reached, signal });
}

export async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map(thread => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap(list => list.split(' ').filter(Boolean).map(Number));
}
