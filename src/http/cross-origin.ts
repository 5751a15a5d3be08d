import type { IncomingMessage, ServerResponse } from 'node:http';

/** Pages of other origins may read these, where the configuration names the origin. */
const READABLE = /^\/(mcp(\/x\/[^/]+)?|sse|\.well-known\/oauth-protected-resource(\/.*)?)$/;

/**
 * Lets a page of an origin that was admitted read the answer. A preflight is answered here, and true returned; it carries no
 * credentials, so it is asked for nothing but its names.
 */
export function allowOrigin(request: IncomingMessage, response: ServerResponse, path: string): boolean {
  const { origin } = request.headers;
  if (origin === undefined || !READABLE.test(path)) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'Origin');
  response.setHeader('access-control-expose-headers', 'mcp-session-id, retry-after, www-authenticate, x-request-id');
  if (request.method !== 'OPTIONS') return false;
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers':
      'authorization, content-type, accept, last-event-id, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name',
    'access-control-max-age': '600',
  });
  response.end();
  return true;
}
