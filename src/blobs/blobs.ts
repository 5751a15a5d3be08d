import type { Readable } from 'node:stream';

/** Lower-case hexadecimal SHA-256 of the content. */
export type Sha256 = string;

export interface StoredBlob {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/** Bytes by content hash. Putting the same bytes twice stores them once. A torn put leaves nothing behind. */
export interface Blobs {
  /** Streams; refuses with AppError VALIDATION_ERROR when `expected` is given and differs. */
  put(bytes: Readable | Uint8Array, expected?: { sha256?: Sha256; sizeBytes?: number }): Promise<StoredBlob>;
  /** `range` is in bytes, end exclusive. Undefined when there is no such blob. */
  get(sha256: Sha256, range?: { start: number; end?: number }): Promise<Readable | undefined>;
  read(sha256: Sha256, range?: { start: number; end?: number }): Promise<Buffer | undefined>;
  stat(sha256: Sha256): Promise<StoredBlob | undefined>;
  /** Counts as putting it again, without its bytes: a sweep spares it. Undefined when there is no such blob. */
  touch(sha256: Sha256): Promise<StoredBlob | undefined>;
  delete(sha256: Sha256): Promise<void>;
  /** Every blob not touched for `olderThanMs`: what a sweep compares with the references in the store. */
  list(options: { olderThanMs: number }): AsyncIterable<StoredBlob>;
  /** Lets somebody without credentials get or put this one blob for a while. Undefined where that cannot be done safely. */
  grant?(blob: StoredBlob, verb: 'get' | 'put'): Promise<Grant | undefined>;
}

/** A request that its holder may make: `put` takes only the content of the hash, sent with these headers. */
export interface Grant {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}
