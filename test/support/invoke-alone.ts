import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localCaller } from '../../src/auth/caller.ts';
import { createDirectoryBlobs } from '../../src/blobs/directory.ts';
import { configSchema } from '../../src/config/config.ts';
import { AppError, type ErrorShape } from '../../src/errors/app-error.ts';
import { createInProcessBus } from '../../src/fabric/in-process.ts';
import { createHub } from '../../src/hub/create-hub.ts';
import { silentLog } from '../../src/log/log.ts';
import { invoke } from '../../src/operations/invoke.ts';
import type { Operation } from '../../src/operations/operation.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';

/** Invokes an operation on a real hub without a worker; gives the error it ended with, if it did. */
export async function invokeAlone(
  operation: Operation,
  args: Record<string, unknown>,
): Promise<ErrorShape | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-hub-'));
  const store = await createSqliteStore({ path: join(directory, 'records.db') });
  const blobs = await createDirectoryBlobs(join(directory, 'blobs'));
  const fabric = createInProcessBus().connect({ hub: 'alone' });
  const hub = await createHub({
    id: 'alone',
    store,
    blobs,
    fabric,
    config: configSchema.parse({ directory }),
    log: silentLog,
  });
  try {
    await invoke(operation, args, {
      hub,
      caller: localCaller,
      signal: new AbortController().signal,
      requestId: randomUUID(),
      wantsTask: false,
      report: () => {},
      surface: 'cli',
      log: silentLog,
    });
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.toShape();
    throw error;
  } finally {
    await hub.close();
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}
