import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from './process-alive.ts';

/** The path of a socket may have 107 bytes; the rest is for the names in the folder. */
const MAX_BASE_BYTES = 64;
const PREFIX = 'bx-';
const OURS = /^bx-(\d+)-[A-Za-z0-9]{6}$/;

/**
 * A folder for sockets, with a short path, which anybody may pass through and nobody may list. Removes those of workers that
 * crashed.
 */
export async function makeSocketFolder(base: string = shortBase()): Promise<string> {
  for (const name of await readdir(base)) {
    const pid = OURS.exec(name)?.[1];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    // Another user's, perhaps; it is that user's worker's to remove.
    await rm(join(base, name), { recursive: true, force: true }).catch(() => {});
  }
  const folder = await mkdtemp(join(base, `${PREFIX}${process.pid}-`));
  await chmod(folder, 0o711);
  return folder;
}

const shortBase = (): string => (Buffer.byteLength(tmpdir()) <= MAX_BASE_BYTES ? tmpdir() : '/tmp');
