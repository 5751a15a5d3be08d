import { createHash } from 'node:crypto';
import type { Blobs } from '../../blobs/blobs.ts';
import { contentOf, damaged, type StoredManifest } from './checkpoint-manifest.ts';

/** A body in a stream of bodies that lie one after another. */
interface Body {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What came is not what was announced. */
export class ContentDiffers extends Error {
  override readonly name = 'ContentDiffers';
}

/** Passes a stream of bodies on; throws ContentDiffers when a body's hash or the length of all is not as announced. */
export async function* verified(
  stream: AsyncIterable<Uint8Array>,
  bodies: readonly Body[],
): AsyncGenerator<Uint8Array> {
  let index = 0;
  let left = bodies[0]?.sizeBytes ?? 0;
  let hash = createHash('sha256');
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.byteLength; ) {
      const body = bodies[index];
      if (body === undefined) throw new ContentDiffers('more bytes than announced');
      const part = chunk.subarray(at, at + left);
      hash.update(part);
      at += part.byteLength;
      left -= part.byteLength;
      if (left > 0) continue;
      if (hash.digest('hex') !== body.sha256) throw new ContentDiffers('a body has another hash');
      hash = createHash('sha256');
      index += 1;
      left = bodies[index]?.sizeBytes ?? 0;
    }
    yield chunk;
  }
  if (index < bodies.length) throw new ContentDiffers('fewer bytes than announced');
}

interface Run {
  readonly pack: string;
  readonly start: number;
  end: number;
  readonly bodies: Body[];
}

/** The bodies of all files in the order of the manifest, verified. Throws CHECKPOINT_NOT_FOUND for what is missing or damaged. */
export async function* contentsOf(stored: StoredManifest, blobs: Blobs): AsyncGenerator<Uint8Array> {
  for (const run of runsOf(stored)) {
    const bytes = await blobs.get(run.pack, { start: run.start, end: run.end });
    if (bytes === undefined) throw damaged();
    try {
      yield* verified(bytes, run.bodies);
    } catch (error) {
      throw error instanceof ContentDiffers ? damaged() : error;
    } finally {
      bytes.destroy();
    }
  }
}

/** Bodies that lie next to each other in a pack are read in one go; without that, many small files are slow. */
function* runsOf(stored: StoredManifest): Generator<Run> {
  let run: Run | undefined;
  for (const entry of stored.entries) {
    const sha256 = contentOf(entry);
    if (sha256 === undefined) continue;
    const [index, offset, sizeBytes] = stored.contents[sha256] ?? [];
    const pack = stored.packs[index ?? -1];
    if (pack === undefined || offset === undefined || sizeBytes !== entry.sizeBytes) throw damaged();
    const body = { sha256, sizeBytes };
    if (run !== undefined && run.pack === pack && run.end === offset) {
      run.end += sizeBytes;
      run.bodies.push(body);
      continue;
    }
    if (run !== undefined) yield run;
    run = { pack, start: offset, end: offset + sizeBytes, bodies: [body] };
  }
  if (run !== undefined) yield run;
}
