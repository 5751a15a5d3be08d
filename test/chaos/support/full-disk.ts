import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK = Buffer.alloc(64 * 1024);

export interface SmallDisk {
  readonly path: string;
  /** Until not one more block fits. */
  fill(): Promise<void>;
  free(): Promise<void>;
  close(): Promise<void>;
}

/** A file system of a few megabytes, in memory. Needs root. */
export async function mountSmallDisk(megabytes = 16): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'small-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
  const ballast = join(path, 'ballast');
  // A test that is broken off leaves no mount either.
  const unmount = () => spawnSync('umount', ['--lazy', path]);
  process.once('exit', unmount);
  return {
    path,
    async fill() {
      const file = await open(ballast, 'w');
      try {
        for (let size = BLOCK.length; size >= 512; size = Math.floor(size / 2)) await writeUntilFull(file, size);
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async close() {
      process.removeListener('exit', unmount);
      await run('umount', [path]);
      await rm(path, { recursive: true });
    },
  };
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>, size: number): Promise<void> {
  try {
    while (true) await file.write(BLOCK, 0, size);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
