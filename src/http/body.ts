import type { IncomingMessage } from 'node:http';

/** The decoder drops a byte order mark, as `Request.text()` does. It keeps nothing between two bodies. */
const decoder = new TextDecoder();

/**
 * The body of a request as text, past the streams of the web, which cost more than serving a small call does. Undefined for one of more
 * than `maxBytes`, which is not read to its end. Rejects when the client goes away.
 */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  if (Number(incoming.headers['content-length']) > maxBytes) return undefined;
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

/** Whether the client went away before all of its request had come. */
export const isCutOff = (incoming: IncomingMessage): boolean => incoming.destroyed && !incoming.complete;
