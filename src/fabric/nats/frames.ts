import { MAX_MESSAGE_BYTES, MessageTooLarge } from '../fabric.ts';

/** First byte of an answer. */
const ANSWER = 0;
const TOO_LARGE = 1;

/**
 * An answer as it travels: also a copy, so that its maker may use the buffer again. In memory of its own, because answers are kept: a
 * part of Node's pool, however small, would keep 64 KiB of it.
 */
export function encodeAnswer(body: Uint8Array): Uint8Array {
  if (body.byteLength > MAX_MESSAGE_BYTES) {
    const size = Buffer.alloc(9, TOO_LARGE);
    size.writeDoubleBE(body.byteLength, 1);
    return size;
  }
  const frame = Buffer.allocUnsafeSlow(body.byteLength + 1);
  frame[0] = ANSWER;
  frame.set(body, 1);
  return frame;
}

/** The answer, or why there is none. Undefined for bytes that are no answer. */
export function decodeAnswer(frame: Uint8Array): Uint8Array | MessageTooLarge | undefined {
  if (frame[0] === ANSWER) return frame.subarray(1);
  if (frame[0] !== TOO_LARGE || frame.byteLength !== 9) return undefined;
  return new MessageTooLarge(Buffer.from(frame).readDoubleBE(1));
}
