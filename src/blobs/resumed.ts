import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sha256 } from './blobs.ts';
import { isHash, type Range, verified } from './content.ts';

/** Attempts in a row that bring no byte, before a read fails. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 50;

/** An answer that has begun: its bytes from where it was asked to start, and how many the whole blob has. */
export interface Opened {
  readonly body: Readable;
  readonly totalBytes: number;
}

export interface RemoteRead {
  readonly sha256: Sha256;
  readonly range: Range;
  /** Undefined when there is no such blob. */
  stat(): Promise<unknown>;
  /** Asks for the bytes from `start`; undefined when there is no such blob. */
  open(start: number): Promise<Opened | undefined>;
}

/**
 * The blob as one stream, however often its connection breaks: each time it goes on where it stopped. A whole blob is compared
 * with its hash, and the stream fails at its end when it differs. Undefined when there is no such blob.
 */
export async function resumedRead({ sha256, range, stat, open }: RemoteRead): Promise<Readable | undefined> {
  if (!isHash(sha256)) return undefined;
  const start = Math.max(range.start, 0);
  // No service can be asked for nothing.
  if (range.end !== undefined && range.end <= start)
    return (await stat()) === undefined ? undefined : Readable.from([]);
  const first = await open(start);
  if (!first) return undefined;
  const end = Math.min(range.end ?? first.totalBytes, first.totalBytes);
  if (start >= end) {
    first.body.destroy();
    return Readable.from([]);
  }
  const chunks = resumed(first.body, { start, end, open });
  const isWhole = start === 0 && end === first.totalBytes;
  return Readable.from(isWhole ? verified(chunks, sha256) : chunks, { objectMode: false });
}

interface Course {
  readonly start: number;
  readonly end: number;
  readonly open: RemoteRead['open'];
}

async function* resumed(first: Readable, { start, end, open }: Course): AsyncGenerator<Uint8Array> {
  let at = start;
  let body: Readable | undefined = first;
  for (let failures = 0; at < end; ) {
    try {
      body ??= await reopened(open, at);
      for await (const chunk of body) {
        const bytes: Uint8Array = chunk;
        const wanted = bytes.subarray(0, end - at);
        at += wanted.byteLength;
        failures = 0;
        yield wanted;
        // A service may send more than it was asked for.
        if (at === end) return;
      }
      throw new Error('the answer ended early');
    } catch (error) {
      failures += 1;
      if (failures >= ATTEMPTS || error instanceof BlobVanished) throw error;
      await delay(FIRST_PAUSE_MS * 2 ** (failures - 1) * (0.5 + Math.random()));
    } finally {
      // Also when the reader has seen enough: the connection is not kept waiting.
      body?.destroy();
      body = undefined;
    }
  }
}

async function reopened(open: RemoteRead['open'], at: number): Promise<Readable> {
  const opened = await open(at);
  if (!opened) throw new BlobVanished('the blob was deleted while it was read');
  return opened.body;
}

class BlobVanished extends Error {
  override readonly name = 'BlobVanished';
}
