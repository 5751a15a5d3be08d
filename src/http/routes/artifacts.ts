import { z } from 'zod';
import { defineOperation } from '../../operations/define.ts';
import type { ArtifactRecord } from '../../store/rows.ts';
import { parseRange } from '../byte-range.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

const CHUNK_BYTES = 1_048_576;

/** Whether the caller may have the artifact is decided like every call; its bytes then go past operations, in slices. */
async function findArtifact(parts: ApiParts, context: ApiContext, id: string): Promise<ArtifactRecord> {
  let found: ArtifactRecord | undefined;
  const download = defineOperation({
    name: 'artifact_download',
    toolset: 'sandbox',
    title: 'Download an artifact',
    description: 'The bytes of an artifact.',
    input: z.strictObject({ artifact_id: z.string() }),
    output: z.looseObject({}),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    scope: 'sandbox:read',
    cli: { words: [], examples: [] },
    async run({ artifact_id }, call) {
      found = await call.hub.artifacts.find(artifact_id, undefined, call);
      return {};
    },
  });
  await run(parts, download, { context, args: { artifact_id: id } });
  if (!found) throw new Error('an artifact was found and is not there');
  return found;
}

/** `GET /api/artifacts/{id}/content`, in ranges if asked for. Whatever the file claims to be, no browser runs it. */
export function addArtifactRoutes(api: Api, parts: ApiParts): void {
  api.get('/api/artifacts/:id/content', async context => {
    const artifact = await findArtifact(parts, context, context.req.param('id'));
    const etag = `"${artifact.sha256}"`;
    const headers = headersOf(artifact, etag);
    if (matches(context.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    const range = rangeOf(context, { etag, size: artifact.sizeBytes });
    if (range === 'unsatisfiable') {
      headers.set('content-range', `bytes */${artifact.sizeBytes}`);
      return new Response(null, { status: 416, headers });
    }
    const { start, end } = range ?? { start: 0, end: artifact.sizeBytes };
    headers.set('content-length', String(end - start));
    if (range) headers.set('content-range', `bytes ${start}-${end - 1}/${artifact.sizeBytes}`);
    const body = context.req.method === 'HEAD' ? null : contentOf(parts, artifact, { start, end });
    return new Response(body, { status: range ? 206 : 200, headers });
  });
}

function rangeOf(context: ApiContext, { etag, size }: { etag: string; size: number }) {
  const condition = context.req.header('if-range');
  return condition === undefined || condition === etag ? parseRange(context.req.header('range'), size) : undefined;
}

const matches = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some(one => ['*', etag, `W/${etag}`].includes(one.trim())) === true;

function headersOf(artifact: ArtifactRecord, etag: string): Headers {
  return new Headers({
    'content-type': artifact.contentType,
    'content-disposition': dispositionOf(artifact.name),
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'private, no-cache',
    'accept-ranges': 'bytes',
    etag,
  });
}

/** RFC 6266: an ASCII name for all, the true one for those that understand it. */
export function dispositionOf(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%/;]/g, '_');
  const exact = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*!]/g, escapeCharacter);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${exact}`;
}

const escapeCharacter = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

function contentOf({ hub, log }: ApiParts, artifact: ArtifactRecord, { start, end }: { start: number; end: number }) {
  let at = start;
  let isWanted = true;
  return new ReadableStream<Uint8Array>({
    cancel() {
      isWanted = false;
    },
    async pull(controller) {
      if (at >= end) return controller.close();
      try {
        const bytes = await hub.artifacts.read(artifact, { start: at, end: Math.min(at + CHUNK_BYTES, end) });
        // The reader went away while it was read.
        if (!isWanted) return;
        if (bytes.length === 0) throw new Error('the content of an artifact is shorter than its record says');
        at += bytes.length;
        controller.enqueue(bytes);
      } catch (error) {
        if (!isWanted) return;
        log.error({ err: error }, 'an artifact could not be read to its end');
        controller.error(new Error('the content ended early'));
      }
    },
  });
}
