/** What the first bytes of a TLS client tell. `name` is lower case; undefined when the client names no server. */
export type ClientHello = { kind: 'more' } | { kind: 'hello'; name: string | undefined } | { kind: 'invalid' };

/** Real ones have at most about 2 KiB, with post-quantum keys. */
export const MAX_HELLO_BYTES = 16 * 1024;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEADER = 5;
const MAX_RECORD = 16_384;

/**
 * Reads the server name of a ClientHello (RFC 8446 4.1.2, RFC 6066 3), which may be spread over several records. `more`: not all
 * of it has come. Whatever is not exactly as the standard has it is `invalid`.
 */
export function parseClientHello(bytes: Uint8Array): ClientHello {
  const message = handshakeBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (message === undefined) return { kind: 'invalid' };
  if (message.length < 4) return message.length > 0 && message[0] !== CLIENT_HELLO ? { kind: 'invalid' } : more(bytes);
  const length = message.readUIntBE(1, 3);
  if (message[0] !== CLIENT_HELLO || length > MAX_HELLO_BYTES) return { kind: 'invalid' };
  if (message.length < 4 + length) return more(bytes);
  try {
    return { kind: 'hello', name: serverName(new Reader(message.subarray(4, 4 + length))) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'invalid' };
    throw error;
  }
}

const more = (bytes: Uint8Array): ClientHello => ({ kind: bytes.length < MAX_HELLO_BYTES ? 'more' : 'invalid' });

/** The contents of the handshake records at the start, as far as they have come; undefined when there is anything else. */
function handshakeBytes(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== HANDSHAKE || (bytes[at + 1] ?? 3) !== 3) return undefined;
    if (bytes.length < at + RECORD_HEADER) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_RECORD) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
    at += RECORD_HEADER + length;
  }
  return Buffer.concat(parts);
}

function serverName(hello: Reader): string | undefined {
  hello.take(2 + 32); // version, random
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  if (hello.isEmpty) return undefined;
  const extensions = hello.vector(2);
  if (!hello.isEmpty) throw new Malformed();
  let name: string | undefined;
  while (!extensions.isEmpty) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (type !== SERVER_NAME) continue;
    // A second one could be the one that the server reads.
    if (name !== undefined) throw new Malformed();
    name = onlyName(body);
  }
  return name;
}

function onlyName(body: Reader): string {
  const list = body.vector(2);
  const type = list.number(1);
  const name = list.vector(2);
  if (type !== HOST_NAME || !list.isEmpty || !body.isEmpty || name.isEmpty) throw new Malformed();
  return name.take(name.left).toString('latin1').toLowerCase();
}

class Malformed extends Error {}

/** Numbers and length-prefixed vectors of a message; throws Malformed instead of reading past the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get isEmpty(): boolean {
    return this.left === 0;
  }

  take(size: number): Buffer {
    if (size > this.left) throw new Malformed();
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  number(size: number): number {
    return this.take(size).readUIntBE(0, size);
  }

  vector(lengthSize: number): Reader {
    return new Reader(this.take(this.number(lengthSize)));
  }
}
