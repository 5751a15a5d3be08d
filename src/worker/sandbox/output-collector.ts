import { Spool } from './spool.ts';

/** The most that is shown of one stream, head and tail together. */
export const SHOWN_BYTES = 65_536;
const HALF = SHOWN_BYTES / 2;
const NO_BYTES = Buffer.alloc(0);

export interface ShownOutput {
  /** Head and tail around `[… N bytes omitted …]`; bytes that are no UTF-8 are U+FFFD. */
  readonly text: string;
  /** Of the whole stream. */
  readonly bytes: number;
  readonly isCut: boolean;
}

/**
 * Collects one stream of a run. While it is short its chunks are only kept; when it grows beyond what is shown, all of it goes to
 * a spool, and head and tail stay in memory. Written for the short case: a push is one comparison.
 */
export class OutputCollector {
  #bytes = 0;
  /** All there is while it is short; afterwards undefined. */
  #chunks: Uint8Array[] | undefined = [];
  #head: Buffer = NO_BYTES;
  #tail: Tail | undefined;
  #spool: Spool | undefined;
  readonly #openSpool: () => Spool;

  constructor(openSpool: () => Spool = () => Spool.open()) {
    this.#openSpool = openSpool;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the chunk over: the caller must not change it afterwards. Synchronous, so a flood is slowed to the pace of the disk. */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#chunks === undefined) {
      this.#tail?.push(chunk);
      this.#spool?.write(chunk);
      return;
    }
    this.#chunks.push(chunk);
    if (this.#bytes > SHOWN_BYTES) this.#overflow(Buffer.concat(this.#chunks));
  }

  show(): ShownOutput {
    if (this.#chunks !== undefined) {
      const text = this.#bytes === 0 ? '' : Buffer.concat(this.#chunks).toString('utf8');
      return { text, bytes: this.#bytes, isCut: false };
    }
    const head = this.#head.subarray(0, lastBorder(this.#head));
    const tail = this.#tail?.bytes() ?? NO_BYTES;
    const cut = tail.subarray(firstBorder(tail));
    const omitted = this.#bytes - head.length - cut.length;
    const text = `${head.toString('utf8')}[… ${omitted} bytes omitted …]${cut.toString('utf8')}`;
    return { text, bytes: this.#bytes, isCut: true };
  }

  /**
   * What came after the first `offset` bytes, at most `maxBytes` of it, the newest; in whole characters. `next` is where to go
   * on from.
   */
  since(offset: number, maxBytes: number): { text: string; next: number } {
    if (this.#bytes === offset) return { text: '', next: offset };
    const held = this.#chunks === undefined ? (this.#tail?.bytes() ?? NO_BYTES) : Buffer.concat(this.#chunks);
    const wanted = Math.min(this.#bytes - offset, held.length, maxBytes);
    const bytes = held.subarray(held.length - wanted);
    const end = lastBorder(bytes);
    const next = this.#bytes - (bytes.length - end);
    // What was left out may end within a character.
    const start = wanted < this.#bytes - offset ? firstBorder(bytes) : 0;
    return { text: bytes.toString('utf8', start, Math.max(start, end)), next };
  }

  /** The whole stream, where it was cut; the caller disposes of it. */
  takeSpool(): Spool | undefined {
    const spool = this.#spool;
    this.#spool = undefined;
    return spool;
  }

  dispose(): void {
    this.takeSpool()?.dispose();
  }

  #overflow(all: Buffer): void {
    this.#chunks = undefined;
    this.#head = Buffer.from(all.subarray(0, HALF));
    this.#tail = new Tail(HALF);
    this.#tail.push(all.subarray(HALF));
    this.#spool = this.#openSpool();
    this.#spool.write(all);
  }
}

/** The last bytes of a stream, at most `size`. */
class Tail {
  readonly #ring: Buffer;
  #seen = 0;

  constructor(size: number) {
    this.#ring = Buffer.alloc(size);
  }

  push(chunk: Uint8Array): void {
    const size = this.#ring.length;
    const kept = chunk.byteLength > size ? chunk.subarray(chunk.byteLength - size) : chunk;
    this.#seen += chunk.byteLength;
    const end = this.#seen % size;
    const fits = Math.min(end, kept.byteLength);
    this.#ring.set(kept.subarray(kept.byteLength - fits), end - fits);
    const rest = kept.byteLength - fits;
    this.#ring.set(kept.subarray(0, rest), size - rest);
  }

  bytes(): Buffer {
    const size = this.#ring.length;
    if (this.#seen <= size) return Buffer.from(this.#ring.subarray(0, this.#seen));
    const start = this.#seen % size;
    return Buffer.concat([this.#ring.subarray(start), this.#ring.subarray(0, start)]);
  }
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

const lengthOf = (lead: number): number => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1);

/** Where the last whole character ends: up to 3 bytes before the end. Bytes that are no UTF-8 are no reason to cut. */
export function lastBorder(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    return lengthOf(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Where the first whole character begins: up to 3 bytes after the start. */
function firstBorder(bytes: Uint8Array): number {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start += 1;
  return isContinuation(bytes[start]) ? 0 : start;
}
