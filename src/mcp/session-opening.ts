import { z } from 'zod';
import type { SessionRequest } from './sessions.ts';

/** More than a client's name and capabilities can need. */
const MAX_BYTES = 16_384;
/** Headers that decide what a session lists; see `selection.ts`. */
const KEPT_HEADERS = ['x-mcp-toolsets', 'x-mcp-readonly'] as const;

const openingSchema = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.json(),
});

/** How a session was opened, for a hub that is to open it again. */
export type Opening = z.output<typeof openingSchema>;

/** Undefined for an `initialize` that is larger than any client's. */
export function openingOf({ request, parsedBody }: SessionRequest): Opening | undefined {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const opening = openingSchema.parse({ url: request.url, headers, body: parsedBody });
  return Buffer.byteLength(JSON.stringify(opening)) <= MAX_BYTES ? opening : undefined;
}

/** The request as it was made, for whoever is calling now. Throws for what no hub has written. */
export function openedAs(stored: unknown, { authInfo, caller }: SessionRequest): SessionRequest {
  const { url, headers, body } = openingSchema.parse(stored);
  const accept = 'application/json, text/event-stream';
  const request = new Request(url, {
    method: 'POST',
    headers: { ...headers, accept, 'content-type': 'application/json' },
  });
  return { request, authInfo, caller, parsedBody: body };
}
