import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../errors/app-error.ts';
import type { Sha256, StoredBlob } from './blobs.ts';

/** What whoever puts content says about it beforehand. */
export type Expected = { readonly sha256?: Sha256; readonly sizeBytes?: number };

/** In bytes, end exclusive. */
export type Range = { readonly start: number; readonly end?: number };

/** Guards paths, keys and addresses: whatever is no hash names no blob. */
export const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export const blobOf = (bytes: Uint8Array): StoredBlob => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  sizeBytes: bytes.byteLength,
});

/** Hashes what streams by while it is written, so that no byte is read twice and none is kept in memory. */
export async function writeHashed(bytes: Readable, path: string, expected: Expected): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const hashing = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      // Refused while it still streams, so that too long an upload does not fill the disk.
      const isTooLong = expected.sizeBytes !== undefined && sizeBytes > expected.sizeBytes;
      done(isTooLong ? sizeMismatch(`more than ${expected.sizeBytes}`, expected) : null, chunk);
    },
  });
  await pipeline(bytes, hashing, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  const blob = { sha256: hash.digest('hex'), sizeBytes };
  refuseMismatch(blob, expected);
  return blob;
}

/** Throws AppError VALIDATION_ERROR when the content is not what was announced. */
export function refuseMismatch(blob: StoredBlob, expected: Expected): void {
  if (expected.sizeBytes !== undefined && blob.sizeBytes !== expected.sizeBytes) {
    throw sizeMismatch(`${blob.sizeBytes}`, expected);
  }
  if (expected.sha256 === undefined || blob.sha256 === expected.sha256.toLowerCase()) return;
  throw new AppError('VALIDATION_ERROR', `the content has the SHA-256 ${blob.sha256}, not ${expected.sha256}`, {
    hint: 'send the bytes again, or correct the expected digest',
  });
}

const sizeMismatch = (actual: string, expected: Expected): AppError =>
  new AppError('VALIDATION_ERROR', `the content has ${actual} bytes, not ${expected.sizeBytes}`, {
    hint: 'send the bytes again, or correct the expected size',
  });

/** Passes chunks through; throws at their end when they are not the content of the hash. */
export async function* verified(chunks: AsyncIterable<Uint8Array>, sha256: Sha256): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256) throw new Error(`what is stored as blob ${sha256} is not its content`);
}
