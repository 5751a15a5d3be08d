import { Readable } from 'node:stream';
import type { Blobs } from '../../blobs/blobs.ts';
import { AppError } from '../../errors/app-error.ts';
import type { CheckpointOutput } from '../../protocol/jobs.ts';
import { countCheckpointBytes } from '../../telemetry/metrics.ts';
import type { Boxd, Manifest, ManifestEntry } from './boxd/boxd.ts';
import { ContentDiffers, contentsOf, verified } from './checkpoint-contents.ts';
import { contentOf, damaged, loadManifest, type StoredManifest, storeManifest } from './checkpoint-manifest.ts';

/** Programs in the background may change a file between the listing and the reading of it. */
const ATTEMPTS = 3;

interface StoredContent {
  readonly pack: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * Stores what the workspace holds now. Contents that the checkpoint `parent` (its manifest's hash) has are not stored again.
 * Throws FILE_CHANGED when files change faster than they can be read, and the reason of the signal.
 */
export async function takeCheckpoint({
  parent,
  boxd,
  blobs,
  signal,
}: {
  parent: string | null;
  boxd: Pick<Boxd, 'manifest' | 'pack'>;
  blobs: Blobs;
  signal?: AbortSignal;
}): Promise<CheckpointOutput> {
  const known = await placesOf(parent, blobs);
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      const manifest = await boxd.manifest();
      signal?.throwIfAborted();
      const places = await storeContents(manifest, { known, boxd, blobs, signal });
      const stored = await storeManifest(manifest, { places, blobs });
      const files = manifest.entries.filter(({ type }) => type === 'file');
      return {
        ...stored,
        sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        fileCount: files.length,
        sha256: stored.manifest,
        installedPackages: [...manifest.installedPackages],
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (!hasChanged(error)) throw error;
      if (attempt === ATTEMPTS) throw keepsChanging(error);
    }
  }
}

/**
 * Replaces all files by those of the checkpoint whose manifest has this hash. Throws CHECKPOINT_NOT_FOUND when anything of it is
 * missing or damaged.
 */
export async function restoreCheckpoint(
  hash: string,
  { boxd, blobs }: { boxd: Pick<Boxd, 'restore'>; blobs: Blobs },
): Promise<StoredManifest> {
  const stored = await loadManifest(hash, blobs);
  if (stored === undefined) throw damaged();
  // A stream that fails is seen by boxd as an abort only; what happened is kept here.
  let failure: unknown;
  const contents = Readable.from(
    (async function* () {
      try {
        yield* contentsOf(stored, blobs);
      } catch (error) {
        failure = error;
        throw error;
      }
    })(),
    { objectMode: false },
  );
  try {
    await boxd.restore(stored, contents);
  } catch (error) {
    throw failure ?? error;
  } finally {
    contents.destroy();
  }
  return stored;
}

/** What the parent has, without the packs that went with the checkpoints that named them. */
async function placesOf(parent: string | null, blobs: Blobs): Promise<Map<string, StoredContent>> {
  const places = new Map<string, StoredContent>();
  const stored = parent === null ? undefined : await loadManifest(parent, blobs);
  if (stored === undefined) return places;
  const found = await Promise.all(stored.packs.map(pack => blobs.stat(pack)));
  for (const [hash, [index, offset, sizeBytes]] of Object.entries(stored.contents)) {
    const pack = found[index]?.sha256;
    if (pack !== undefined) places.set(hash, { pack, offset, sizeBytes });
  }
  return places;
}

/** Puts into one new pack what no earlier pack has. */
async function storeContents(
  manifest: Manifest,
  {
    known,
    boxd,
    blobs,
    signal,
  }: { known: ReadonlyMap<string, StoredContent>; boxd: Pick<Boxd, 'pack'>; blobs: Blobs; signal?: AbortSignal },
): Promise<Map<string, StoredContent>> {
  const places = new Map<string, StoredContent>();
  const fresh = new Map<string, ManifestEntry>();
  for (const entry of manifest.entries) {
    const hash = contentOf(entry);
    if (hash === undefined) continue;
    const place = known.get(hash);
    if (place !== undefined) places.set(hash, place);
    else if (!fresh.has(hash)) fresh.set(hash, entry);
  }
  if (fresh.size === 0) return places;
  const bodies = [...fresh].map(([sha256, { sizeBytes }]) => ({ sha256, sizeBytes }));
  const stream = await boxd.pack([...fresh.values()]);
  const { sha256: pack } = await blobs.put(Readable.from(verified(stream, bodies), { objectMode: false, signal }));
  let offset = 0;
  for (const { sha256, sizeBytes } of bodies) {
    places.set(sha256, { pack, offset, sizeBytes });
    offset += sizeBytes;
  }
  countCheckpointBytes(offset);
  return places;
}

const hasChanged = (error: unknown): boolean =>
  error instanceof ContentDiffers ||
  (error instanceof AppError && ['FILE_CHANGED', 'FILE_NOT_FOUND'].includes(error.code));

function keepsChanging(cause: unknown): AppError {
  return new AppError('FILE_CHANGED', 'files kept changing while the checkpoint was taken', {
    hint: 'stop the programs that write in the background, then take the checkpoint again',
    cause,
  });
}
