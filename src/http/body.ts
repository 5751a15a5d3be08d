import type { IncomingMessage } from 'node:http';

/** The decoder drops a byte order mark, as `Request.text()` does. It keeps nothing between two bodies. */
const decoder = new TextDecoder();

/**
 * The body of a request as text, past the streams of the web, which cost more than serving a small call does. Undefined for one of more
 * than `maxBytes`, which is not read to its end. Rejects when the client goes away.
 */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const length = Number(incoming.headers['content-length']);
  if (length > maxBytes) return undefined;
  // What came together with its head is there by then: listening to a stream takes longer than most of a small call.
  await new Promise<void>(resolve => process.nextTick(resolve));
  if (incoming.destroyed) throw new Error('the client went away');
  if (incoming.readableLength === length) return readAtOnce(incoming);
  const chunks: Buffer[] = [];
  let size = 0;
  return await new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else resolve(undefined);
    });
    incoming.on('end', () => resolve(decoder.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))));
    incoming.on('error', reject);
  });
}

/** A body that is there. */
function readAtOnce(incoming: IncomingMessage): string {
  const bytes: unknown = incoming.read();
  // The connection takes its next request when this one has ended, for which nobody here has to wait.
  setImmediate(() => incoming.resume());
  return bytes instanceof Buffer ? decoder.decode(bytes) : '';
}

/** Whether the client went away before all of its request had come. */
export const isCutOff = (incoming: IncomingMessage): boolean => incoming.destroyed && !incoming.complete;
