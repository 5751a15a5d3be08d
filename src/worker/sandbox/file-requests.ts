import { AppError } from '../../errors/app-error.ts';
import type { FileRequest } from '../../protocol/files.ts';
import type { CollectedArtifact } from '../../protocol/jobs.ts';
import type { ArtifactWatch } from './artifacts.ts';
import type { Boxd, FileSlice } from './boxd/boxd.ts';
import { lastBorder } from './output-collector.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface FileAnswer {
  readonly output: Record<string, Json>;
  readonly artifacts: CollectedArtifact[];
}
type RequestOf<Kind extends FileRequest['kind']> = Extract<FileRequest, { kind: Kind }>;

/** The longest character of UTF-8: a slice shorter than this might hold no whole one and never get on. */
const MIN_TEXT_BYTES = 4;

/** Whether it waits for its place in the line; reading passes. */
export const waitsItsTurn = ({ kind }: FileRequest): boolean => kind !== 'read' && kind !== 'list';

/** Does a request on files; the output is that of the operation. Throws what the box says about the path. */
export async function doFile(
  request: FileRequest,
  { boxd, artifacts }: { boxd: Boxd; artifacts: ArtifactWatch },
): Promise<FileAnswer> {
  switch (request.kind) {
    case 'read':
      return { output: await read(request, boxd), artifacts: [] };
    case 'list':
      return { output: await list(request, boxd), artifacts: [] };
    case 'write': {
      const output = await write(request, boxd);
      return { output, artifacts: await changedBy(request.path, { boxd, artifacts }) };
    }
    case 'edit': {
      const output = await edit(request, boxd);
      return { output, artifacts: request.dryRun ? [] : await changedBy(request.path, { boxd, artifacts }) };
    }
    case 'collect': {
      const kept = await artifacts.keep(boxd, request.path);
      return { output: { ...kept }, artifacts: [kept] };
    }
  }
}

/** A write elsewhere changes no artifact, but where a link leads there; then the next run finds it. */
const changedBy = (path: string, { boxd, artifacts }: { boxd: Boxd; artifacts: ArtifactWatch }) =>
  path.startsWith('artifacts/') ? artifacts.collect(boxd) : [];

async function read({ path, offset, limit, encoding }: RequestOf<'read'>, boxd: Boxd) {
  const asked = encoding === 'utf8' ? Math.max(limit, MIN_TEXT_BYTES) : limit;
  const slice = await boxd.read({ path, offset, limit: asked });
  const start = Math.min(offset, slice.sizeBytes);
  const { content, bytesRead } = encoding === 'utf8' ? asText(slice, { start, limit }) : asBase64(slice);
  const next = start + bytesRead;
  const isTruncated = next < slice.sizeBytes;
  return {
    path: slice.path,
    content,
    encoding,
    size_bytes: slice.sizeBytes,
    offset,
    bytes_read: bytesRead,
    truncated: isTruncated,
    next_offset: isTruncated ? next : null,
    sha256: slice.sha256,
    modified_at: new Date(slice.modifiedAtMs).toISOString(),
  };
}

const asBase64 = ({ bytes }: FileSlice) => ({
  content: Buffer.from(bytes).toString('base64'),
  bytesRead: bytes.byteLength,
});

function asText(slice: FileSlice, { start, limit }: { start: number; limit: number }) {
  const isEnd = start + slice.bytes.byteLength >= slice.sizeBytes;
  const wanted = wholeCharacters(slice.bytes, { limit, isEnd });
  try {
    const content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(wanted);
    return { content, bytesRead: wanted.byteLength };
  } catch {
    throw new AppError('NOT_TEXT', `${slice.path} (${slice.sizeBytes} bytes) is not UTF-8 text`, {
      details: { path: slice.path, size_bytes: slice.sizeBytes },
    });
  }
}

/** Up to `limit` bytes, at least one character, and no part of one unless the file ends with it. */
function wholeCharacters(bytes: Uint8Array, { limit, isEnd }: { limit: number; isEnd: boolean }): Uint8Array {
  if (bytes.byteLength <= limit && isEnd) return bytes;
  const within = bytes.subarray(0, limit);
  const border = lastBorder(within);
  if (border > 0) return within.subarray(0, border);
  // A limit below the length of the first character: that one character.
  let end = 1;
  while (end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end += 1;
  return bytes.subarray(0, end);
}

async function list({ kind: _kind, ...request }: RequestOf<'list'>, boxd: Boxd) {
  const listing = await boxd.list(request);
  return {
    path: listing.path,
    entries: listing.entries.map(({ name, path, type, sizeBytes, modifiedAtMs }) => ({
      name,
      path,
      type,
      size_bytes: sizeBytes,
      modified_at: new Date(modifiedAtMs).toISOString(),
    })),
    total_count: listing.totalCount,
    truncated: listing.nextAfter !== null,
    next_cursor: listing.nextAfter,
  };
}

async function write({ path, content, encoding, createDirs, ifSha256 }: RequestOf<'write'>, boxd: Boxd) {
  const bytes = Buffer.from(content, encoding);
  const written = await boxd.write({ path, bytes, createDirs, ifSha256 });
  return { path, bytes_written: written.bytesWritten, created: written.created, sha256: written.sha256 };
}

async function edit({ path, edits, dryRun, ifSha256 }: RequestOf<'edit'>, boxd: Boxd) {
  const edited = await boxd.edit({ path, edits, dryRun, ifSha256 });
  const { replacements, bytesWritten, sha256, diff } = edited;
  return { path, replacements, bytes_written: bytesWritten, sha256, diff };
}
