import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import type { Blobs, StoredBlob } from '../../blobs/blobs.ts';
import { BLOBS_PATH, GRANT_HEADER, OFFER_HEADER, type Proved, TIME_HEADER } from '../../blobs/wire.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import { parseRange } from '../byte-range.ts';
import { errorResponse, HttpRefusal, responseOf } from '../errors.ts';

const MAX_BYTES = 16 * 1024 ** 3;

export interface BlobRoutesOptions {
  readonly blobs: Blobs;
  /**
   * Whether the `authorization` of a request proves that a worker sends it; `stale`: it would, made at about `time`. Rejects when
   * that cannot be found out now.
   */
  verifyWorker(authorization: string, request: Proved): Promise<{ worker: string } | Refused>;
  /** Largest content that is taken; default 16 GiB. */
  readonly maxBytes?: number;
}

type Refused = { refused: 'invalid' } | { refused: 'stale'; time: number };

/**
 * `GET`, `HEAD` and `PUT /internal/blobs/{sha256}`: contents for workers, who prove with each request who they are. Where the
 * blobs are in a service that workers reach, they are sent there: 307 with a presigned address. An offer (`PUT` with
 * `x-boxswain-offer: <size>` and no content) is answered with 200 when it is there, 307 when it goes elsewhere, and 202 when it is
 * to be sent here.
 */
export function createBlobRoutes(options: BlobRoutesOptions & { log: Log }): Hono {
  const { blobs, log, maxBytes = MAX_BYTES } = options;
  const routes = new Hono();
  routes.onError(error => responseOf(error, { log }));
  routes.notFound(() => responseOf(notFound(), { log }));
  routes.use(async (context, next) => {
    const { method, path } = context.req;
    const request = { method, subject: path.slice(BLOBS_PATH.length) };
    const verdict = await options.verifyWorker(context.req.header('authorization') ?? '', request).catch(error => {
      log.warn({ err: error }, 'the credential of a worker could not be checked');
      throw new HttpRefusal(503, new AppError('SERVICE_UNAVAILABLE', 'credentials cannot be checked at the moment'));
    });
    if ('refused' in verdict) return unauthorized(verdict);
    await next();
  });
  // GET answers HEAD as well.
  routes.get(`${BLOBS_PATH}:sha256`, async context => {
    const blob = await blobs.stat(context.req.param('sha256'));
    if (!blob) throw notFound();
    return context.req.method === 'HEAD' ? described(blob) : await content(context, { blobs, blob });
  });
  routes.put(`${BLOBS_PATH}:sha256`, async context => {
    const sha256 = context.req.param('sha256');
    const offer = context.req.header(OFFER_HEADER);
    const sizeBytes = sizeOf(offer ?? context.req.header('content-length'));
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new AppError('VALIDATION_ERROR', 'the path names no SHA-256');
    if (sizeBytes > maxBytes) {
      throw new HttpRefusal(413, new AppError('VALIDATION_ERROR', `the content is larger than ${maxBytes} bytes`));
    }
    if (offer !== undefined) return await offered(blobs, { sha256, sizeBytes });
    const body = context.req.raw.body;
    const stored = await blobs.put(body ? Readable.fromWeb(body) : Buffer.alloc(0), { sha256, sizeBytes });
    return context.json({ sha256: stored.sha256, size_bytes: stored.sizeBytes }, 201);
  });
  return routes;
}

function unauthorized(why: Refused): Response {
  const response = errorResponse(new AppError('UNAUTHORIZED', 'no valid credential of a worker'));
  if (why.refused === 'stale') response.headers.set(TIME_HEADER, String(why.time));
  return response;
}

async function offered(blobs: Blobs, blob: StoredBlob): Promise<Response> {
  const there = await blobs.touch(blob.sha256);
  if (there?.sizeBytes === blob.sizeBytes) return new Response(null, { status: 200 });
  const grant = await blobs.grant?.(blob, 'put');
  if (!grant) return new Response(null, { status: 202 });
  const headers = { location: grant.url, [GRANT_HEADER]: JSON.stringify(grant.headers) };
  return new Response(null, { status: 307, headers });
}

async function content(context: Context, { blobs, blob }: { blobs: Blobs; blob: StoredBlob }): Promise<Response> {
  const grant = await blobs.grant?.(blob, 'get');
  if (grant) return new Response(null, { status: 307, headers: { location: grant.url } });
  const { sha256, sizeBytes } = blob;
  const range = parseRange(context.req.header('range'), sizeBytes);
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: { 'content-range': `bytes */${sizeBytes}` } });
  }
  const stream = await blobs.get(sha256, range);
  if (!stream) throw notFound();
  const body = Readable.toWeb(stream);
  if (!range) return described(blob, body);
  return new Response(body, {
    status: 206,
    headers: {
      ...typeHeaders,
      'content-length': String(range.end - range.start),
      'content-range': `bytes ${range.start}-${range.end - 1}/${sizeBytes}`,
    },
  });
}

const typeHeaders = { 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' };

const described = (blob: StoredBlob, body: ReadableStream | null = null): Response =>
  new Response(body, {
    headers: { ...typeHeaders, 'accept-ranges': 'bytes', 'content-length': String(blob.sizeBytes) },
  });

function sizeOf(text: string | undefined): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new HttpRefusal(411, new AppError('VALIDATION_ERROR', 'the size of the content must be told beforehand'));
}

const notFound = (): AppError => new AppError('NOT_FOUND', 'no such blob');
