/**
 * Frames between the worker and boxd: 4 bytes big-endian length of the body, then the body. The body is a JSON object, or,
 * when bytes go with it: a zero byte, 4 bytes big-endian length of the JSON, the JSON, the bytes.
 */

/** The most a body may hold; both ends refuse more. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;

export interface Frame {
  /** Parsed JSON; what it holds is for the receiver to check. */
  readonly header: unknown;
  readonly payload: Uint8Array;
}

/** What came in are no frames; nothing after it can be trusted. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame';
}

const NO_BYTES = new Uint8Array(0);

/** The bytes before the payload; the payload itself follows uncopied. Throws RangeError when the frame would be too large. */
export function encodeFrame(header: object, payloadBytes = 0): Buffer {
  const json = JSON.stringify(header);
  const size = Buffer.byteLength(json);
  const body = payloadBytes === 0 ? size : 5 + size + payloadBytes;
  if (body > MAX_BODY_BYTES) throw new RangeError(`frame of ${body} bytes is larger than ${MAX_BODY_BYTES}`);
  const start = payloadBytes === 0 ? 4 : 9;
  const head = Buffer.allocUnsafe(start + size);
  head.writeUInt32BE(body, 0);
  if (payloadBytes > 0) {
    head[4] = 0;
    head.writeUInt32BE(size, 5);
  }
  head.write(json, start);
  return head;
}

/** Cuts a stream of bytes into frames, wherever its chunks end. Payloads are views of the chunks where possible. */
export class FrameSplitter {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = 4;

  /** The frames that are complete now. Throws MalformedFrame. */
  *feed(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    this.#needed = 4;
    while (data.length - at >= 4) {
      const size = data.readUInt32BE(at);
      if (size === 0 || size > MAX_BODY_BYTES) throw new MalformedFrame(`a frame of ${size} bytes`);
      if (data.length - at - 4 < size) {
        this.#needed = 4 + size;
        break;
      }
      yield decodeBody(data.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.#chunks = at === data.length ? [] : [data.subarray(at)];
    this.#bytes = data.length - at;
  }
}

function decodeBody(body: Buffer): Frame {
  if (body[0] !== 0) return { header: parse(body), payload: NO_BYTES };
  if (body.length < 5) throw new MalformedFrame('a frame ends within its header');
  const size = body.readUInt32BE(1);
  if (5 + size > body.length) throw new MalformedFrame('a frame ends within its header');
  return { header: parse(body.subarray(5, 5 + size)), payload: body.subarray(5 + size) };
}

function parse(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString());
  } catch (error) {
    throw new MalformedFrame('a frame holds no JSON', { cause: error });
  }
}
