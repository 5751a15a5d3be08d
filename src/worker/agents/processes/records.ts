import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { processNameSchema } from '../../../ids/process-name.ts';

/** What is known on disk of a process of an agent, so that it can be ended after a crash of ours. */
const recordSchema = z.object({
  mark: z.string(),
  kind: z.string(),
  sessionId: z.string().optional(),
  /** Who started it. */
  owner: processNameSchema,
  /** Of the kernel's run: after the machine was started anew all numbers mean somebody else. */
  boot: z.string(),
  /** Absent until it was started. */
  leader: processNameSchema.optional(),
  startedAt: z.number(),
});
export type ProcessRecord = z.output<typeof recordSchema>;

/**
 * One file per process. Written without waiting, because the record has to be there before the process is, and what starts one may
 * not wait; they are small and few.
 */
export class ProcessRecords {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  write(id: string, record: ProcessRecord): void {
    const path = this.#pathOf(id);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  remove(id: string): void {
    rmSync(this.#pathOf(id), { force: true });
  }

  /** A file that cannot be read is left out, and removed: nothing could ever be done about it. */
  list(): { id: string; record: ProcessRecord }[] {
    const files = readdirSync(this.#directory).filter(name => name.endsWith('.json'));
    return files.flatMap(name => {
      const id = name.slice(0, -'.json'.length);
      const record = readRecord(this.#pathOf(id));
      if (record === undefined) this.remove(id);
      return record === undefined ? [] : [{ id, record }];
    });
  }

  #pathOf(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

function readRecord(path: string): ProcessRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
