import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { StoredBlob } from './blobs.ts';
import { type Expected, writeHashed } from './content.ts';
import { removeTornFiles, storageFailure } from './torn-files.ts';

/**
 * Files that hold content on its way to another machine: its hash is known before the first byte leaves, and an upload that
 * breaks off can be sent again.
 */
export class Spool {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Removes what dead processes left behind. Without a directory, one of this user's below the system's for temporary files. */
  static async open(directory = join(tmpdir(), `boxswain-spool-${process.getuid?.() ?? 'user'}`)): Promise<Spool> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const facts = await lstat(directory);
    // Anybody may write to the system's directory: one that somebody else made beforehand would show them the content.
    if (!facts.isDirectory() || (process.getuid && facts.uid !== process.getuid())) {
      throw new Error('the directory for content on its way belongs to somebody else');
    }
    await removeTornFiles(directory);
    return new Spool(directory);
  }

  /** Holds the content as a file while `use` runs. Throws AppError VALIDATION_ERROR or DISK_FULL, and the stream's own error. */
  async hold<Result>(
    bytes: Readable,
    expected: Expected,
    use: (file: { path: string; blob: StoredBlob }) => Promise<Result>,
  ): Promise<Result> {
    const path = join(this.#directory, `${process.pid}-${randomBytes(12).toString('hex')}`);
    try {
      const blob = await writeHashed(bytes, path, expected).catch(error => {
        throw storageFailure(error);
      });
      return await use({ path, blob });
    } finally {
      await rm(path, { force: true });
    }
  }
}
