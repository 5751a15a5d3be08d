import type { IncomingMessage, ServerResponse } from 'node:http';
import { metadataAskedFor, resourceMetadata } from '../auth/resource.ts';
import type { Guard } from './guard.ts';

const MAX_AGE_SECONDS = 3600;

/**
 * Answers where clients can get tokens for this server, which needs no credentials; false: something else was asked. Without an
 * authorization server there is nothing to tell, and the routes answer that it is not there.
 */
export function answerDiscovery(
  request: IncomingMessage,
  response: ServerResponse,
  { guard, path }: { guard: Guard; path: string },
): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if (!path.startsWith('/.well-known/') || guard.issuers.length === 0) return false;
  const resource = guard.resourceOf(request);
  const of = metadataAskedFor(path, resource);
  if (of === undefined) return false;
  response.writeHead(200, {
    'content-type': 'application/json',
    // One that follows the Host of the request must not be given to others.
    'cache-control': guard.hasFixedResource ? `public, max-age=${MAX_AGE_SECONDS}` : 'no-store',
  });
  response.end(JSON.stringify(resourceMetadata(resource, of, guard.issuers)));
  return true;
}
