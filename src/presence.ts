import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isProcessThere, processNameOf, processNameSchema } from './ids/process-name.ts';
import type { Store } from './store/store.ts';

/** Notes of an earlier version name no hub. */
const noteSchema = z.object({ worker: z.string(), hub: z.string().optional(), process: processNameSchema });

/**
 * Notes in the data directory tell which process is which hub and holds which worker. Those of a process that is gone need not be
 * waited for until their leases run out: on this machine its end can be seen. Answers the workers that were given up.
 */
export async function giveUpTheDead(folder: string, store: Store): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.json'));
  const givenUp: string[] = [];
  for (const name of names) {
    const note = await readNote(join(folder, name));
    if (note && (await isProcessThere(note.process))) continue;
    if (note?.hub !== undefined) await store.hubs.leave(note.hub);
    const rows = (await store.workers.list({ liveOnly: false })).filter(worker => worker.id === note?.worker);
    for (const { id, boot } of rows) await store.workers.leave(id, boot);
    givenUp.push(...rows.map(row => row.id));
    await rm(join(folder, name), { force: true });
  }
  return givenUp;
}

/**
 * Leaves a note that this process is the hub and holds the worker; the answer takes it back. Undefined when a living process holds
 * that worker.
 */
export async function announce(
  folder: string,
  { hub, worker }: { hub: string; worker: string },
): Promise<(() => Promise<void>) | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${worker.replaceAll(/[^\w-]/g, '_')}.json`);
  const draft = `${file}.${process.pid}`;
  const note: z.input<typeof noteSchema> = { worker, hub, process: await processNameOf(process.pid) };
  await writeFile(draft, JSON.stringify(note), { mode: 0o600 });
  try {
    // Unlike a rename, a link fails where the note is there already, and it is never seen half written.
    await link(draft, file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(file, { force: true });
}

/** Undefined for a torn note: its worker and its hub are found by their leases. */
async function readNote(file: string): Promise<z.output<typeof noteSchema> | undefined> {
  try {
    return noteSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
