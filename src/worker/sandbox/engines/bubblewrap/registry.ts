import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isProcessThere, type ProcessName, processNameOf, processNameSchema } from '../../../../ids/process-name.ts';
import { killQuietly } from './cgroup-files.ts';
import type { CgroupBackend } from './cgroup.ts';

const recordSchema = z.object({ id: z.string(), owner: processNameSchema, processes: z.array(processNameSchema) });

/** What is on disk about every box before anything runs in it, so that a crash of the worker leaves nothing unknown. */
export class BoxRegistry {
  readonly #folder: string;
  #owner: ProcessName | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `pids` are the launcher and the first process of the box. */
  async add(id: string, pids: readonly number[]): Promise<void> {
    this.#owner ??= await processNameOf(process.pid);
    const processes = await Promise.all(pids.map(processNameOf));
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#fileOf(id);
    await writeFile(`${file}.new`, JSON.stringify({ id, owner: this.#owner, processes }), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  remove(id: string): Promise<void> {
    return rm(this.#fileOf(id), { force: true });
  }

  /** Ends and removes the boxes whose worker is gone; answers a line for each. Those of living workers are not touched. */
  async reap(cgroups: CgroupBackend | undefined): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const removed: string[] = [];
    for (const name of names) {
      const record = await this.#read(join(this.#folder, name));
      if (record && (await isProcessThere(record.owner))) continue;
      if (record) {
        for (const one of record.processes) if (await isProcessThere(one)) killQuietly(one.pid);
        await cgroups?.reap(record.id);
        removed.push(`box ${record.id}`);
      }
      await rm(join(this.#folder, name), { force: true });
    }
    return removed;
  }

  #fileOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }

  /** Undefined for a torn file: it was written before anything ran. */
  async #read(path: string): Promise<z.output<typeof recordSchema> | undefined> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch {
      return undefined;
    }
  }
}
