import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { blobsContract } from './blobs-contract.ts';
import { createDirectoryBlobs } from './directory.ts';

async function useDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'blobs-'));
  try {
    await test(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

blobsContract('directory', test => useDirectory(async directory => test(await createDirectoryBlobs(directory))));

describe('directory of blobs', () => {
  it('removes torn files of dead processes at start, and leaves those of living ones', () =>
    useDirectory(async directory => {
      const dead = spawn('true');
      await once(dead, 'exit');
      const temporary = join(directory, 'tmp');
      await mkdir(temporary);
      const names = [`${dead.pid}-torn`, `${process.pid}-old`, `${process.pid}-live`, 'nonsense'];
      for (const name of names) await writeFile(join(temporary, name), 'half');
      await utimes(join(temporary, `${process.pid}-old`), 0, 0);
      await createDirectoryBlobs(directory);
      assert.deepEqual(await readdir(temporary), [`${process.pid}-live`]);
    }));

  it('leaves no temporary file behind and keeps content from other users', () =>
    useDirectory(async directory => {
      const blobs = await createDirectoryBlobs(directory);
      const { sha256 } = await blobs.put(Buffer.from('x'));
      await assert.rejects(blobs.put(Buffer.from('y'), { sizeBytes: 2 }));
      assert.deepEqual(await readdir(join(directory, 'tmp')), []);
      assert.equal((await stat(join(directory, sha256.slice(0, 2), sha256))).mode & 0o777, 0o600);
    }));

  it('putting again what is there spares it from a sweep', () =>
    useDirectory(async directory => {
      const blobs = await createDirectoryBlobs(directory);
      const { sha256 } = await blobs.put(Buffer.from('x'));
      const old = async () => (await Array.fromAsync(blobs.list({ olderThanMs: 1000 }))).length;
      await utimes(join(directory, sha256.slice(0, 2), sha256), 0, 0);
      assert.equal(await old(), 1);
      await blobs.put(Buffer.from('x'));
      assert.equal(await old(), 0);
    }));

  it('names a full disk, keeps nothing of the content, and works on', () =>
    useDirectory(async directory => {
      // A tiny file system in a mount namespace of its own: a disk that is really full.
      const script = `
        const { createDirectoryBlobs } = await import(${JSON.stringify(new URL('./directory.ts', import.meta.url).href)});
        const { Readable } = await import('node:stream');
        const blobs = await createDirectoryBlobs(process.argv[1]);
        const large = Buffer.alloc(2_000_000, 1);
        const codes = [];
        for (const content of [large, Readable.from([large])]) codes.push(await blobs.put(content).catch(e => e.code));
        const small = await blobs.put(Buffer.from('small'));
        console.log(JSON.stringify({ codes, size: small.sizeBytes }));`;
      const mount = `mount -t tmpfs -o size=512k none "$1" && exec "$2" --input-type=module -e "$3" "$1"`;
      const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
      const args = [...namespaces, 'sh', '-c', mount, 'sh', directory, process.execPath, script];
      const { stdout } = await promisify(execFile)('unshare', args);
      assert.deepEqual(JSON.parse(stdout), { codes: ['DISK_FULL', 'DISK_FULL'], size: 5 });
    }));
});
