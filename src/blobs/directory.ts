import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Blobs, Sha256, StoredBlob } from './blobs.ts';
import { blobOf, type Expected, isHash, type Range, refuseMismatch, writeHashed } from './content.ts';
import { errorCode, removeTornFiles, storageFailure } from './torn-files.ts';

/**
 * Blobs as files of one directory, `<first two digits>/<hash>`; several processes may share it. Content goes to a temporary
 * file first and is renamed, so a blob is whole or absent as long as the machine runs. There is no fsync: after a power
 * failure the youngest blobs may be lost, as the youngest records may.
 */
export async function createDirectoryBlobs(directory: string): Promise<Blobs> {
  const temporary = join(directory, 'tmp');
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  await removeTornFiles(temporary);
  return new DirectoryBlobs(directory, temporary);
}

class DirectoryBlobs implements Blobs {
  readonly #directory: string;
  readonly #temporary: string;
  readonly #shards = new Set<string>();

  constructor(directory: string, temporary: string) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  async put(bytes: Readable | Uint8Array, expected: Expected = {}): Promise<StoredBlob> {
    const path = join(this.#temporary, `${process.pid}-${randomBytes(12).toString('hex')}`);
    try {
      if (bytes instanceof Uint8Array) return await this.#putBytes(bytes, path, expected);
      const blob = await writeHashed(bytes, path, expected);
      await this.#adopt(path, blob.sha256);
      return blob;
    } catch (error) {
      await rm(path, { force: true });
      throw storageFailure(error);
    }
  }

  async get(sha256: Sha256, range?: Range): Promise<Readable | undefined> {
    const found = await this.#open(sha256, range);
    if (!found) return undefined;
    const { handle, start, end } = found;
    if (start < end) return handle.createReadStream({ start, end: end - 1 });
    await handle.close();
    return Readable.from([]);
  }

  async read(sha256: Sha256, range?: Range): Promise<Buffer | undefined> {
    const found = await this.#open(sha256, range);
    if (!found) return undefined;
    await using handle = found.handle;
    const buffer = Buffer.alloc(found.end - found.start);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, found.start + filled);
      if (bytesRead === 0) throw new Error('a blob became shorter while it was read');
      filled += bytesRead;
    }
    return buffer;
  }

  async stat(sha256: Sha256): Promise<StoredBlob | undefined> {
    const facts = isHash(sha256) ? await absentAsUndefined(stat(this.#pathOf(sha256))) : undefined;
    return facts?.isFile() ? { sha256, sizeBytes: facts.size } : undefined;
  }

  async touch(sha256: Sha256): Promise<StoredBlob | undefined> {
    if (!isHash(sha256)) return undefined;
    const now = new Date();
    const touched = utimes(this.#pathOf(sha256), now, now).then(() => true);
    return (await absentAsUndefined(touched)) ? await this.stat(sha256) : undefined;
  }

  async delete(sha256: Sha256): Promise<void> {
    if (isHash(sha256)) await rm(this.#pathOf(sha256), { force: true });
  }

  /** Reads directory after directory as the sweep goes on; a blob that vanishes meanwhile is left out. */
  async *list({ olderThanMs }: { olderThanMs: number }): AsyncIterable<StoredBlob> {
    const before = Date.now() - olderThanMs;
    for (const shard of await readdir(this.#directory)) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue;
      for await (const { name: sha256 } of await opendir(join(this.#directory, shard))) {
        if (!isHash(sha256)) continue;
        const facts = await absentAsUndefined(stat(this.#pathOf(sha256)));
        if (facts && facts.mtimeMs < before) yield { sha256, sizeBytes: facts.size };
      }
    }
  }

  async #putBytes(bytes: Uint8Array, path: string, expected: Expected): Promise<StoredBlob> {
    const blob = blobOf(bytes);
    refuseMismatch(blob, expected);
    if (await this.touch(blob.sha256)) return blob;
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
    await this.#adopt(path, blob.sha256);
    return blob;
  }

  async #adopt(path: string, sha256: Sha256): Promise<void> {
    const shard = sha256.slice(0, 2);
    if (!this.#shards.has(shard)) {
      await mkdir(join(this.#directory, shard), { recursive: true, mode: 0o700 });
      this.#shards.add(shard);
    }
    await rename(path, this.#pathOf(sha256));
  }

  /** The open file keeps the bytes readable even when the blob is deleted meanwhile. The range is cut to the size. */
  async #open(
    sha256: Sha256,
    range: Range = { start: 0 },
  ): Promise<{ handle: FileHandle; start: number; end: number } | undefined> {
    const handle = isHash(sha256) ? await absentAsUndefined(open(this.#pathOf(sha256))) : undefined;
    if (!handle) return undefined;
    try {
      const { size } = await handle.stat();
      const start = Math.min(Math.max(range.start, 0), size);
      return { handle, start, end: Math.max(start, Math.min(range.end ?? size, size)) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  #pathOf(sha256: Sha256): string {
    return join(this.#directory, sha256.slice(0, 2), sha256);
  }
}

async function absentAsUndefined<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
