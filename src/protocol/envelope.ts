import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Blobs } from '../blobs/blobs.ts';

/** Larger messages travel as a blob, so that no message reaches the fabric's 256 KiB. */
export const SPILL_BYTES = 192 * 1024;

/** The other side sent something that the protocol does not have: versions differ, or there is a bug. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** First byte of a message: the JSON itself follows, or the blob that holds it. */
const INLINE = 0x4a;
const SPILLED = 0x42;

const referenceSchema = z.object({ sha256: z.string(), sizeBytes: z.number() });
const spilledSchema = z.object({ message: z.unknown() });

/** A JSON value as bytes for the fabric, at once; over SPILL_BYTES its JSON goes into a blob of its own first. */
export function encodeMessage(message: unknown, blobs: Blobs): Uint8Array | Promise<Uint8Array> {
  const json = JSON.stringify(message);
  if (json === undefined) throw new TypeError('a message must be a JSON value');
  if (Buffer.byteLength(json) < SPILL_BYTES) return framed(INLINE, json);
  return spill(json, blobs);
}

async function spill(json: string, blobs: Blobs): Promise<Uint8Array> {
  // The nonce makes each spilled message a blob of its own, so that its only reader may delete it.
  const blob = Buffer.from(`{"nonce":"${randomBytes(16).toString('hex')}","message":${json}}`);
  return framed(SPILLED, JSON.stringify(await blobs.put(blob)));
}

/**
 * The value that `encodeMessage` was given, or a promise of it when that lies in a blob. `isOnlyReader` deletes the blob of a spilled message once it is read; leave it
 * out where several receive the same message. Throws ProtocolError for bytes that are no message or whose blob is gone.
 */
export function decodeMessage(
  bytes: Uint8Array,
  blobs: Blobs,
  options: { isOnlyReader?: boolean } = {},
): unknown | Promise<unknown> {
  return bytes[0] === INLINE ? parsed(text(bytes)) : fetchSpilled(bytes, blobs, options);
}

async function fetchSpilled(bytes: Uint8Array, blobs: Blobs, options: { isOnlyReader?: boolean }): Promise<unknown> {
  if (bytes[0] !== SPILLED) throw new ProtocolError('the message has an unknown form');
  const reference = referenceSchema.safeParse(parsed(text(bytes)));
  if (!reference.success) throw new ProtocolError('the message has a malformed reference');
  const { sha256 } = reference.data;
  const blob = await blobs.read(sha256);
  if (!blob) throw new ProtocolError('the blob of a message is gone');
  const spilled = spilledSchema.safeParse(parsed(blob.toString('utf8')));
  if (!spilled.success) throw new ProtocolError('the blob of a message is not one');
  // What cannot be deleted now is unreferenced and goes with the next sweep.
  if (options.isOnlyReader) await blobs.delete(sha256).catch(() => {});
  return spilled.data.message;
}

function framed(kind: number, json: string): Uint8Array {
  const size = Buffer.byteLength(json);
  const bytes = Buffer.allocUnsafe(size + 1);
  bytes[0] = kind;
  bytes.write(json, 1, size, 'utf8');
  return bytes;
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1).toString('utf8');

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new ProtocolError('the message is not JSON', { cause });
  }
}
