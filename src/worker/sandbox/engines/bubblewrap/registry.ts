import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { isProcessThere, type ProcessName, processNameOf, processNameSchema } from '../../../../ids/process-name.ts';
import type { Log } from '../../../../log/log.ts';
import { CGROUP_ROOT, endGroups, killQuietly } from './cgroup-files.ts';

const recordSchema = z.object({
  id: z.string(),
  owner: processNameSchema,
  processes: z.array(processNameSchema),
  /** Folders of the box's control groups: the worker that removes them may be in other groups than the one that made them. */
  groups: z.array(z.string()).default([]),
});
type BoxRecord = z.output<typeof recordSchema>;

/** `<id>.json`, or a draft of it, which is named for the process that writes it. */
const RECORD = /\.json$/;
const DRAFT = /\.json\.(\d+)-(\d+)\.new$/;
/** What cannot be read and has not been written to for so long is nobody's. */
const FORGOTTEN_MS = 600_000;

export interface Reaped {
  /** A line for each box that was ended. */
  readonly removed: string[];
  /** Ids of boxes of workers that live. */
  readonly living: Set<string>;
}

/** What is on disk about every box before anything runs in it, so that a crash of the worker leaves nothing unknown. */
export class BoxRegistry {
  readonly #folder: string;
  readonly #log: Log;
  #owner: Promise<ProcessName> | undefined;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** `pids` are the launcher and the first process of the box. */
  async add(id: string, { pids, groups }: { pids: readonly number[]; groups: readonly string[] }): Promise<void> {
    this.#owner ??= processNameOf(process.pid);
    const owner = await this.#owner;
    const processes = await Promise.all(pids.map(processNameOf));
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = this.#fileOf(id);
    const draft = `${file}.${owner.pid}-${owner.startTime}.new`;
    await writeFile(draft, JSON.stringify({ id, owner, processes, groups }), { mode: 0o600 });
    await rename(draft, file);
  }

  remove(id: string): Promise<void> {
    return rm(this.#fileOf(id), { force: true });
  }

  /**
   * Ends and removes the boxes whose worker is gone; those of living workers are not touched. What fails for one box is logged, is
   * tried again at the next start, and keeps nothing from the others.
   */
  async reap(): Promise<Reaped> {
    const removed: string[] = [];
    const living = new Set<string>();
    for (const name of await readdir(this.#folder).catch(() => [])) {
      try {
        const path = join(this.#folder, name);
        const record = RECORD.test(name) ? await read(path) : undefined;
        if (record === undefined) {
          if (await isForgotten(path)) await rm(path, { force: true });
        } else if (await isProcessThere(record.owner)) {
          living.add(record.id);
        } else {
          await end(record);
          await rm(path, { force: true });
          removed.push(`box ${record.id}`);
        }
      } catch (error) {
        this.#log.error({ err: error, record: name }, 'what a worker that crashed had left could not be removed');
      }
    }
    return { removed, living };
  }

  #fileOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

async function end({ id, processes, groups }: BoxRecord): Promise<void> {
  for (const one of processes) if (await isProcessThere(one)) killQuietly(one.pid);
  // A record is only trusted with groups of its own box.
  await endGroups(
    groups.filter(path => path.startsWith(`${CGROUP_ROOT}/`) && !path.includes('..') && basename(path) === id),
  );
}

/** Undefined for what is no record: torn by a crash of the machine, or of another version. */
async function read(path: string): Promise<BoxRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** A draft lives as long as the process that writes it. */
async function isForgotten(path: string): Promise<boolean> {
  const [, pid, startTime = ''] = DRAFT.exec(path) ?? [];
  if (pid !== undefined) return !(await isProcessThere({ pid: Number(pid), startTime }));
  const state = await stat(path).catch(() => undefined);
  return state !== undefined && Date.now() - state.mtimeMs > FORGOTTEN_MS;
}
