import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors/app-error.ts';

const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * Removes temporary files, named `<pid>-…`, that nobody writes any more: their process is gone, or they were not written to
 * for a day (a process id may have been given away again). Other processes may be writing theirs at this moment.
 */
export async function removeTornFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const pid = Number(/^(\d+)-/.exec(name)?.[1]);
    if (!isAlive(pid) || (await isAbandoned(path))) await rm(path, { force: true, recursive: true });
  }
}

/** A full disk as what it is; anything else unchanged. */
export function storageFailure(error: unknown): unknown {
  const code = errorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new AppError('DISK_FULL', 'the server has no space left to store the content', {
    hint: 'ask the operator to free space where the server keeps its blobs',
    details: { reason: 'server_storage' },
    cause: error,
  });
}

export const errorCode = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return errorCode(error) === 'EPERM';
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < Date.now() - ABANDONED_MS;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
