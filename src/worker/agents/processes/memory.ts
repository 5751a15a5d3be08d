import { readFile } from 'node:fs/promises';
import { readProcessTable } from './process-table.ts';

/**
 * Bytes of memory that processes hold, with all that they have started: pages that several share are counted once, by shares. 0 where
 * the kernel does not tell.
 */
export async function memoryOf(leaders: readonly number[]): Promise<number> {
  if (leaders.length === 0) return 0;
  const table = await readProcessTable();
  const members = new Set(leaders);
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const { pid, parent, group } of table) if (members.has(parent) || members.has(group)) members.add(pid);
  }
  const shares = await Promise.all([...members].map(shareOf));
  return shares.reduce((all, one) => all + one, 0);
}

/** Of one that has ended meanwhile nothing. */
async function shareOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
