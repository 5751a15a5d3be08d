import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** What of `tar` (POSIX ustar) an export needs: regular files one after the other, so that the usual tools can look inside. */
const BLOCK = 512;
const OCTAL_LIMIT = 8 ** 11;

export interface Entry {
  readonly name: string;
  readonly sizeBytes: number;
  /** Where its header begins in the file. */
  readonly offset: number;
  read(): Promise<Buffer>;
  stream(): Readable;
}

/** Writes an archive, file after file, and hashes what it writes. */
export class ArchiveWriter {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The content must have exactly `sizeBytes`. */
  async add(
    { name, sizeBytes }: { name: string; sizeBytes: number },
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    await this.#write(headerOf(name, sizeBytes));
    let written = 0;
    for await (const chunk of content) {
      written += chunk.byteLength;
      await this.#write(chunk);
    }
    if (written !== sizeBytes) throw new Error(`${name} has ${written} bytes, not ${sizeBytes}`);
    await this.#write(Buffer.alloc(paddingOf(sizeBytes)));
  }

  async addBytes(name: string, bytes: Uint8Array): Promise<void> {
    await this.add({ name, sizeBytes: bytes.byteLength }, [bytes]);
  }

  /** SHA-256 of all that was written so far. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Adds the last file, whose bytes no hash covers. Nothing can be added any more, and it is on the disk. */
  async end(name: string, content: Uint8Array): Promise<void> {
    await this.#write(lastBytes(name, content));
    await this.#file.sync();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await this.#file.writeFile(bytes);
  }
}

/** The last file of an archive with all that follows, to the byte. */
export const lastBytes = (name: string, content: Uint8Array): Buffer =>
  Buffer.concat([headerOf(name, content.byteLength), content, Buffer.alloc(paddingOf(content.byteLength) + 2 * BLOCK)]);

/** Every entry of an archive. Throws `Torn` when it ends early or is none. */
export async function* entriesOf(file: FileHandle): AsyncGenerator<Entry> {
  const { size } = await file.stat();
  let offset = 0;
  while (true) {
    const header = await blockAt(file, offset);
    if (header.every(byte => byte === 0)) {
      if (!(await blockAt(file, offset + BLOCK)).every(byte => byte === 0)) throw new Torn('its end is damaged');
      return;
    }
    const { name, sizeBytes } = parsedHeader(header);
    const start = offset + BLOCK;
    const next = start + sizeBytes + paddingOf(sizeBytes);
    if (next > size) throw new Torn('it ends in the middle of a file');
    yield {
      name,
      sizeBytes,
      offset,
      read: async () => {
        const bytes = Buffer.alloc(sizeBytes);
        const { bytesRead } = await file.read(bytes, 0, sizeBytes, start);
        if (bytesRead !== sizeBytes) throw new Torn('it became shorter while it was read');
        return bytes;
      },
      stream: () =>
        sizeBytes === 0
          ? Readable.from([])
          : file.createReadStream({ start, end: start + sizeBytes - 1, autoClose: false }),
    };
    offset = next;
  }
}

/** The file is no whole archive. */
export class Torn extends Error {
  override readonly name = 'Torn';
}

const paddingOf = (sizeBytes: number): number => (BLOCK - (sizeBytes % BLOCK)) % BLOCK;

async function blockAt(file: FileHandle, offset: number): Promise<Buffer> {
  const block = Buffer.alloc(BLOCK);
  const { bytesRead } = await file.read(block, 0, BLOCK, offset);
  if (bytesRead !== BLOCK) throw new Torn('it ends early');
  return block;
}

function headerOf(name: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError('a name in an archive has at most 100 bytes');
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  if (sizeBytes < OCTAL_LIMIT) header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  else {
    // The form of GNU tar for files of 8 GiB and more.
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(sizeBytes), 128);
  }
  header.write('00000000000\0', 136);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function parsedHeader(header: Buffer): { name: string; sizeBytes: number } {
  const text = (start: number, length: number) =>
    header.toString('utf8', start, start + length).replace(/[\0 ].*$/s, '');
  const isSound = text(257, 5) === 'ustar' && Number.parseInt(text(148, 8), 8) === checksumOf(header);
  if (!isSound) throw new Torn('it is damaged, or no export');
  const sizeBytes = header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(124, 12), 8);
  return { name: text(0, 100), sizeBytes };
}

/** The sum of all bytes, those of the sum itself taken as spaces. */
const checksumOf = (header: Buffer): number =>
  header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
