import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makePassable } from '../../sandbox/modes.ts';
import type { ReadOnlyMount } from '../../sandbox/engine.ts';

const run = promisify(execFile);
const READ = 0o004;
const PASS = 0o001;
/** Other workers of the directory may still give their boxes an older one. */
const KEPT_MS = 3_600_000;

/**
 * The mounts as users of boxes can have them. A worker of root gives each box a user of its own, to whom a program in somebody's
 * home is closed: of that a copy is kept below `directory`, made anew when the program has changed. Everybody else's boxes are
 * theirs.
 */
export async function readableToBoxes(mounts: readonly ReadOnlyMount[], directory: string): Promise<ReadOnlyMount[]> {
  if (process.getuid?.() !== 0) return [...mounts];
  const kept = mounts.map(async ({ from, to }) => ({
    to,
    from: (await isOpenToAll(from)) ? from : await copyOf(from, directory),
  }));
  return await Promise.all(kept);
}

/** Removes the copies that no mount is made of any more, nor that anybody is just making. */
export async function removeOldCopies(mounts: readonly ReadOnlyMount[], directory: string): Promise<void> {
  const used = new Set(mounts.map(({ from }) => dirname(from)));
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    const madeAt = (await stat(path).catch(() => undefined))?.ctimeMs ?? Date.now();
    if (!used.has(path) && Date.now() - madeAt > KEPT_MS) await rm(path, { recursive: true, force: true });
  }
}

async function isOpenToAll(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  if ((mode & READ) === 0) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & PASS) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function copyOf(from: string, directory: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(from);
  const version = createHash('sha256').update(`${from} ${mtimeMs} ${size} ${ino}`).digest('hex').slice(0, 32);
  const folder = join(directory, version);
  const copy = join(folder, basename(from));
  if (existsSync(copy)) return copy;
  await makePassable(directory);
  const fresh = await mkdtemp(join(directory, 'fresh-'));
  try {
    await run('/bin/cp', ['-a', '--reflink=auto', from, join(fresh, basename(from))]);
    await run('/bin/chmod', ['-R', 'a+rX', fresh]);
    await rename(fresh, folder).catch(async error => {
      // Another worker was there first.
      await access(copy).catch(() => Promise.reject(error));
    });
    return copy;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
