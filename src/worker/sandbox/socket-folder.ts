import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessThere, processNameOf } from '../../ids/process-name.ts';

/** The path of a socket may have 107 bytes; the rest is for the names in the folder. */
const MAX_BASE_BYTES = 64;
const PREFIX = 'bx-';
const OURS = /^bx-(\d+)-([0-9a-z]+)-[A-Za-z0-9]{6}$/;
/** Start times are long in decimal. */
const BASE = 36;

/**
 * A folder for sockets, with a short path, which anybody may pass through and nobody may list. Removes those of workers that
 * crashed.
 */
export async function makeSocketFolder(base: string = shortBase()): Promise<string> {
  for (const name of await readdir(base)) {
    const [, pid, started = ''] = OURS.exec(name) ?? [];
    if (pid === undefined) continue;
    if (await isProcessThere({ pid: Number(pid), startTime: String(Number.parseInt(started, BASE)) })) continue;
    // Another user's, perhaps; it is that user's worker's to remove.
    await rm(join(base, name), { recursive: true, force: true }).catch(() => {});
  }
  const { pid, startTime } = await processNameOf(process.pid);
  const folder = await mkdtemp(join(base, `${PREFIX}${pid}-${Number(startTime).toString(BASE)}-`));
  await chmod(folder, 0o711);
  return folder;
}

const shortBase = (): string => (Buffer.byteLength(tmpdir()) <= MAX_BASE_BYTES ? tmpdir() : '/tmp');
