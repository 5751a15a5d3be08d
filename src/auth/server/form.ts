import type { IncomingMessage } from 'node:http';

const MAX_BYTES = 8 * 1024;

/** The fields of a form, each as it came first; undefined for what is no form, or longer than 8 KiB. */
export async function readForm(request: IncomingMessage): Promise<Record<string, string> | undefined> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded(;|$)/i.test(type)) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Object.fromEntries([...new URLSearchParams(Buffer.concat(chunks).toString('utf8'))].reverse());
}
