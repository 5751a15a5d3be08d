import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../../src/blobs/blobs.ts';
import { createDirectoryBlobs } from '../../src/blobs/directory.ts';
import { createInProcessBus } from '../../src/fabric/in-process.ts';
import { type Link, serveWorker, type WorkerHandlers } from '../../src/protocol/link.ts';
import { workerHandlers } from './unused-handlers.ts';

/** Hub `h1` and worker `w1` on one bus, with contents in a directory of their own. */
export interface Linked {
  readonly hub: Link;
  readonly worker: Link;
  readonly blobs: Blobs;
  /** What nobody foresaw, as the serving side logs it. */
  readonly errors: { readonly error: unknown; readonly reference: string }[];
  readonly onError: (error: unknown, logged: { reference: string }) => void;
  /** Serves as the worker; gives what ends that. */
  serving(some: Partial<WorkerHandlers>): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** `isDirect`: as where hub and worker are one process. */
export async function openLinked({ isDirect }: { isDirect: boolean }): Promise<Linked> {
  const directory = await mkdtemp(join(tmpdir(), 'linked-'));
  const blobs = await createDirectoryBlobs(directory);
  const bus = createInProcessBus({ isDirect });
  const hub = { fabric: bus.connect({ hub: 'h1' }), blobs };
  const worker = { fabric: bus.connect({ worker: 'w1' }), blobs };
  const errors: { error: unknown; reference: string }[] = [];
  const onError: Linked['onError'] = (error, { reference }) => void errors.push({ error, reference });
  return {
    hub,
    worker,
    blobs,
    errors,
    onError,
    serving: some => serveWorker(worker, { worker: 'w1', handlers: workerHandlers(some), onError }),
    async close() {
      await Promise.all([hub.fabric.close(), worker.fabric.close()]);
      await rm(directory, { recursive: true });
    },
  };
}
