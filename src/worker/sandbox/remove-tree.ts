import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Log } from '../../log/log.ts';

/** Paths in such a tree may have any length. */
const MAX_MESSAGES = 64 * 1024 * 1024;
const SHOWN_CHARACTERS = 300;

/**
 * Removes a folder with all that is in it, or nothing when it is not there. The tree may be hostile: deeper than any path can be
 * long, which only a walk by descriptors gets through, and with folders that are closed to their owner. No box may be using it.
 */
export async function removeTree(path: string, log: Log): Promise<void> {
  if (!existsSync(path)) return;
  const refusal = await run('/bin/rm', ['-rf', '--', path]);
  if (refusal === undefined) return;
  log.debug({ refusal }, 'removing a folder again after opening what is in it');
  await run('/bin/chmod', ['-R', 'u+rwX', '--', path]);
  const last = await run('/bin/rm', ['-rf', '--', path]);
  if (last !== undefined) throw new Error(`a folder could not be removed: ${last}`);
}

/** Undefined when it succeeded, else the end of what it said. */
function run(program: string, args: string[]): Promise<string | undefined> {
  return new Promise(resolve => {
    execFile(program, args, { env: {}, maxBuffer: MAX_MESSAGES }, (error, _stdout, stderr) => {
      resolve(error ? (stderr || error.message).trim().slice(-SHOWN_CHARACTERS) : undefined);
    });
  });
}
