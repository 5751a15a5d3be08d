import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 4 * 1024 * 1024;
/** A longer line is skipped. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 10;

export interface LinesRead {
  /** Where the first byte stands that was not taken: the end of the file or the beginning of a torn last line. */
  readonly offset: number;
  readonly lines: number;
  /** Lines that were too long to take. */
  readonly tooLong: number;
}

/** One buffer for all files of a thread: allocating one for each would cost more than reading it. */
let shared: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/**
 * Hands each complete line of a file from `offset` on to `take`, without its line break. A last line without a line break is taken
 * when `isWhole` says so: nothing that is appended to it could change it. Throws what the system says when the file cannot be read.
 */
export function readLines(
  path: string,
  { offset, take, isWhole }: { offset: number; take: (line: Buffer) => void; isWhole: (line: Buffer) => boolean },
): LinesRead {
  const file = openSync(path, 'r');
  let position = offset;
  let filled = 0;
  let lines = 0;
  let tooLong = 0;
  let isSkipping = false;
  try {
    for (;;) {
      if (filled === shared.length) {
        if (shared.length >= MAX_LINE_BYTES) {
          isSkipping = true;
          position += filled;
          filled = 0;
        } else shared = grown(shared);
      }
      const count = readSync(file, shared, filled, shared.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
      let start = 0;
      let end = shared.subarray(0, filled).indexOf(NEWLINE, filled - count);
      while (end !== -1) {
        if (isSkipping) {
          isSkipping = false;
          tooLong++;
        } else if (end > start) {
          take(shared.subarray(start, end));
          lines++;
        }
        start = end + 1;
        end = shared.indexOf(NEWLINE, start);
        if (end >= filled) end = -1;
      }
      shared.copyWithin(0, start, filled);
      position += start;
      filled -= start;
    }
    if (filled > 0 && !isSkipping) {
      const rest = shared.subarray(0, filled);
      if (isWhole(rest)) {
        take(rest);
        lines++;
        position += filled;
      }
    }
    return { offset: position, lines, tooLong };
  } finally {
    closeSync(file);
    if (shared.length > CHUNK_BYTES) shared = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }
}

function grown(buffer: Buffer): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(buffer.length * 4, MAX_LINE_BYTES));
  buffer.copy(larger);
  return larger;
}
