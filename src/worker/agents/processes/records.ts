import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** Written and renamed within a moment: a draft of this age is what a crash or a full disk left. */
const DRAFT_MS = 60_000;
const DRAFT = '.new';

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
    try {
      writeFileSync(`${path}${DRAFT}`, JSON.stringify(record), { mode: 0o600 });
      renameSync(`${path}${DRAFT}`, path);
    } catch (error) {
      rmSync(`${path}${DRAFT}`, { force: true });
      throw error;
    }
  }

  remove(id: string): void {
    rmSync(this.#pathOf(id), { force: true });
  }

  /** All that are there. Of one that cannot be read only its id is known. Removes what was never finished. */
  list(): { id: string; record: ProcessRecord | undefined }[] {
    const names = readdirSync(this.#directory);
    for (const name of names.filter(one => one.endsWith(DRAFT))) this.#removeOldDraft(join(this.#directory, name));
    const ids = names.filter(name => name.endsWith('.json')).map(name => name.slice(0, -'.json'.length));
    return ids.map(id => ({ id, record: readRecord(this.#pathOf(id)) }));
  }

  #removeOldDraft(path: string): void {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > DRAFT_MS) rmSync(path, { force: true });
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
