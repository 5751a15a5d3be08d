import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Blobs, StoredBlob } from './blobs.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isValidationError = (error: unknown): boolean => error instanceof AppError && error.code === 'VALIDATION_ERROR';
const absent = '0'.repeat(64);
const LARGE_CHUNKS = 64;
const LOOK_BYTES = 16_000_000;
/** Negative: also what was touched just now. */
const everything = { olderThanMs: -60_000 };

/** What every blob store must do; `use` opens an empty one for the time of the callback. */
export function blobsContract(name: string, use: (test: (blobs: Blobs) => Promise<void>) => Promise<void>): void {
  const hashes = async (blobs: Blobs, options = everything) =>
    (await Array.fromAsync(blobs.list(options))).map(blob => blob.sha256).sort();

  describe(`${name}: blobs`, () => {
    it('gives back what was put, as bytes or as a stream, under its hash', () =>
      use(async blobs => {
        const large = randomBytes(3_000_000);
        for (const bytes of [Buffer.alloc(0), Buffer.from('small'), large]) {
          const expected: StoredBlob = { sha256: sha256(bytes), sizeBytes: bytes.length };
          assert.deepEqual(await blobs.put(bytes), expected);
          assert.deepEqual(await blobs.put(Readable.from(chunksOf(bytes))), expected);
          assert.deepEqual(await blobs.read(expected.sha256), bytes);
          const stream = await blobs.get(expected.sha256);
          assert.ok(stream);
          assert.deepEqual(await buffer(stream), bytes);
          assert.deepEqual(await blobs.stat(expected.sha256), expected);
        }
        assert.equal((await hashes(blobs)).length, 3);
      }));

    it('reads any range, cut to the size', () =>
      use(async blobs => {
        const bytes = randomBytes(500);
        const { sha256: hash } = await blobs.put(bytes);
        const position = fc.nat({ max: 600 });
        await fc.assert(
          fc.asyncProperty(position, fc.option(position, { nil: undefined }), async (start, end) => {
            const expected = bytes.subarray(start, end);
            assert.deepEqual(await blobs.read(hash, { start, end }), expected);
            const stream = await blobs.get(hash, { start, end });
            assert.ok(stream);
            assert.deepEqual(await buffer(stream), expected);
          }),
          { numRuns: 25 },
        );
      }));

    it('does not know what was never put, was deleted, or is no hash', () =>
      use(async blobs => {
        const { sha256: hash } = await blobs.put(Buffer.from('x'));
        await blobs.delete(hash);
        for (const unknown of [hash, absent, '../../etc/passwd', '', hash.toUpperCase()]) {
          assert.equal(await blobs.get(unknown), undefined);
          assert.equal(await blobs.read(unknown), undefined);
          assert.equal(await blobs.stat(unknown), undefined);
          await blobs.delete(unknown);
        }
      }));

    it('touches what is there, and only that', () =>
      use(async blobs => {
        const stored = await blobs.put(Buffer.from('x'));
        assert.deepEqual(await blobs.touch(stored.sha256), stored);
        for (const unknown of [absent, 'nonsense']) assert.equal(await blobs.touch(unknown), undefined);
        assert.deepEqual(await hashes(blobs), [stored.sha256]);
      }));

    it('refuses content of another digest or size and keeps nothing of it', () =>
      use(async blobs => {
        const bytes = Buffer.from('content');
        for (const expected of [{ sha256: absent }, { sizeBytes: 6 }, { sizeBytes: 8 }]) {
          await assert.rejects(blobs.put(bytes, expected), isValidationError);
          await assert.rejects(blobs.put(Readable.from([bytes]), expected), isValidationError);
        }
        assert.deepEqual(await hashes(blobs), []);
        const right = { sha256: sha256(bytes), sizeBytes: bytes.length };
        assert.deepEqual(await blobs.put(Readable.from([bytes]), right), right);
      }));

    it('stops an upload as soon as it is too long', () =>
      use(async blobs => {
        async function* endless() {
          while (true) {
            yield Buffer.alloc(1000);
            await setImmediate();
          }
        }
        await assert.rejects(blobs.put(Readable.from(endless()), { sizeBytes: 5000 }), isValidationError);
      }));

    it('keeps nothing of a stream that breaks off, and throws its error', () =>
      use(async blobs => {
        async function* broken() {
          yield Buffer.from('half');
          throw new Error('connection lost');
        }
        await assert.rejects(blobs.put(Readable.from(broken())), /connection lost/);
        assert.deepEqual(await hashes(blobs), []);
      }));

    it('keeps nothing of a stream that is destroyed midway', () =>
      use(async blobs => {
        const source = new PassThrough();
        source.write(randomBytes(200_000));
        const put = blobs.put(source);
        await setImmediate();
        source.destroy(new Error('the caller went away'));
        await assert.rejects(put, /the caller went away/);
        assert.deepEqual(await hashes(blobs), []);
      }));

    it('holds little of a large blob in memory, in both directions', () =>
      use(async blobs => {
        const chunk = randomBytes(1_048_576);
        const expected = createHash('sha256');
        const memory = new MemoryWatch();
        async function* large() {
          for (let i = 0; i < LARGE_CHUNKS; i += 1) {
            chunk.writeUInt32BE(i);
            expected.update(chunk);
            memory.look(chunk.length);
            yield Buffer.from(chunk);
          }
        }
        const { sha256: hash, sizeBytes } = await blobs.put(Readable.from(large()));
        assert.equal(hash, expected.digest('hex'));
        assert.equal(sizeBytes, LARGE_CHUNKS * chunk.length);
        const received = createHash('sha256');
        for await (const part of (await blobs.get(hash)) ?? []) {
          received.update(part);
          memory.look(part.length);
        }
        assert.equal(received.digest('hex'), hash);
        assert.ok(memory.growthBytes < (sizeBytes * 3) / 4, `${memory.growthBytes} bytes`);
      }));

    it('takes the same content from many at once', () =>
      use(async blobs => {
        const bytes = randomBytes(10_000);
        const puts = Array.from({ length: 20 }, (_, i) => blobs.put(i % 2 ? bytes : Readable.from(chunksOf(bytes))));
        for (const blob of await Promise.all(puts)) assert.equal(blob.sha256, sha256(bytes));
        assert.deepEqual(await blobs.read(sha256(bytes)), bytes);
      }));

    it('lists for a sweep only what was not touched for long, and goes on when blobs vanish meanwhile', () =>
      use(async blobs => {
        const stored = await Promise.all(Array.from({ length: 10 }, (_, i) => blobs.put(Buffer.from(`blob ${i}`))));
        assert.deepEqual(await hashes(blobs, { olderThanMs: 60_000 }), []);
        assert.deepEqual(await hashes(blobs), stored.map(blob => blob.sha256).sort());
        for await (const blob of blobs.list(everything)) {
          for (const other of stored) if (other.sha256 !== blob.sha256) await blobs.delete(other.sha256);
        }
        assert.ok((await hashes(blobs)).length <= 1);
      }));
  });
}

function* chunksOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

/** How much the buffers of this process grew, by what is still referred to. */
class MemoryWatch {
  readonly #before = heldBytes();
  growthBytes = 0;
  #passedBytes = 0;

  /** Collecting garbage takes long, so it looks only now and then. */
  look(passedBytes: number): void {
    this.#passedBytes += passedBytes;
    if (this.#passedBytes < LOOK_BYTES) return;
    this.#passedBytes = 0;
    this.growthBytes = Math.max(this.growthBytes, heldBytes() - this.#before);
  }
}

function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = z.custom<() => void>(value => typeof value === 'function').parse(runInNewContext('gc'));
  // What one collection has found is given back behind it, and counted until then; the next waits for that.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}
