import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { eventually } from './eventually.ts';

const memorySchema = z.object({
  /** What is left after a full collection. */
  liveBytes: z.number(),
  residentBytes: z.number(),
});

export type Memory = z.output<typeof memorySchema>;

/** The environment of a server that tells what its memory holds, by way of this file. */
export const tellingMemory = (file: string): Record<string, string> => ({
  BOXSWAIN_TEST_MEMORY_FILE: file,
  NODE_OPTIONS: `--expose-gc --import ${import.meta.resolve('./memory-on-signal.ts')}`,
});

/** Asks such a server. It collects all that nobody refers to first. */
export async function memoryOf(pid: number, file: string): Promise<Memory> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  await eventually(() => existsSync(file), 30_000);
  return memorySchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
