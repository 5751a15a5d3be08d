import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** A process, named so that a later one with the same number is not taken for it. */
export const processNameSchema = z.object({ pid: z.number(), startTime: z.string() });
export type ProcessName = z.output<typeof processNameSchema>;

/** The name of a running process; of one that is gone, a name that no process has. */
export async function processNameOf(pid: number): Promise<ProcessName> {
  return { pid, startTime: (await startTimeOf(pid)) ?? '' };
}

/** Whether that very process runs: not a later one of the same number, and no zombie. */
export async function isProcessThere({ pid, startTime }: ProcessName): Promise<boolean> {
  return startTime !== '' && (await startTimeOf(pid)) === startTime;
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; undefined when there is no such process, or only its zombie. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}
