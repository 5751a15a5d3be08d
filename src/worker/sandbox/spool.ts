import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { randomUUID } from 'node:crypto';

/** Written in pieces of this size, so that a program that prints single bytes does not cost a system call for each. */
const BATCH_BYTES = 256 * 1024;

/**
 * A temporary file without a name for output that is too long for memory. Writes are synchronous: they keep up with a pipe, and
 * the channel to the box is not read meanwhile, so a flood cannot pile up in memory.
 */
export class Spool {
  readonly #descriptor: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #isOpen = true;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  static open(directory: string = tmpdir()): Spool {
    const path = join(directory, `boxswain-output-${randomUUID()}`);
    const descriptor = openSync(path, 'wx+', 0o600);
    // Nothing is left behind, however the process ends.
    unlinkSync(path);
    return new Spool(descriptor);
  }

  write(chunk: Uint8Array): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.byteLength;
    if (this.#pendingBytes >= BATCH_BYTES) this.#flush();
  }

  /** The whole content from its start. The spool must be disposed of only after the stream has ended. */
  read(): Readable {
    this.#flush();
    return createReadStream('', { fd: this.#descriptor, start: 0, autoClose: false });
  }

  dispose(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#pending = [];
    closeSync(this.#descriptor);
  }

  #flush(): void {
    if (this.#pendingBytes === 0) return;
    const batch = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let written = 0; written < batch.length; ) {
      written += writeSync(this.#descriptor, batch, written, batch.length - written);
    }
  }
}
