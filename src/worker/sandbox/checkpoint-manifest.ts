import { z } from 'zod';
import type { Blobs } from '../../blobs/blobs.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Manifest, ManifestEntry } from './boxd/boxd.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const entrySchema = z.object({
  root: z.enum(['workspace', 'env']),
  path: z.string().min(1),
  type: z.enum(['file', 'dir', 'symlink']),
  mode: z.int(),
  modifiedAtNs: z.string(),
  sizeBytes: z.int().min(0),
  sha256: sha256.optional(),
  target: z.string().optional(),
});

/** Where a content lies: index of the pack, offset in it, length; in bytes. */
const placeSchema = z.tuple([z.int().min(0), z.int().min(0), z.int().min(1)]);
export type Place = z.output<typeof placeSchema>;

/**
 * A checkpoint as it is stored: the entries of both areas, and for each distinct content that is not empty the place where it
 * lies. Packs of earlier checkpoints are named, not copied.
 */
const storedSchema = z.object({
  version: z.literal(1),
  installedPackages: z.array(z.string()),
  packs: z.array(sha256),
  contents: z.record(sha256, placeSchema),
  entries: z.array(entrySchema),
});
export type StoredManifest = z.output<typeof storedSchema>;

/** The content of an entry that has one: empty files have none to store. */
export function contentOf({ type, sizeBytes, sha256: hash }: ManifestEntry): string | undefined {
  return type === 'file' && sizeBytes > 0 ? hash : undefined;
}

/** Undefined when it is gone or is no manifest. */
export async function loadManifest(hash: string, blobs: Blobs): Promise<StoredManifest | undefined> {
  const bytes = await blobs.read(hash);
  if (bytes === undefined) return undefined;
  try {
    const parsed = storedSchema.safeParse(JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Stores the manifest and answers its hash. Only packs that it still needs are named. */
export async function storeManifest(
  manifest: Manifest,
  { places, blobs }: { places: ReadonlyMap<string, { pack: string; offset: number; sizeBytes: number }>; blobs: Blobs },
): Promise<{ manifest: string; packs: string[] }> {
  const packs: string[] = [];
  const contents: Record<string, Place> = {};
  for (const entry of manifest.entries) {
    const hash = contentOf(entry);
    if (hash === undefined || contents[hash] !== undefined) continue;
    const place = places.get(hash);
    if (place === undefined) throw new Error('a content of the checkpoint was not stored');
    if (!packs.includes(place.pack)) packs.push(place.pack);
    contents[hash] = [packs.indexOf(place.pack), place.offset, place.sizeBytes];
  }
  const { entries, installedPackages } = manifest;
  const stored: StoredManifest = {
    version: 1,
    installedPackages: [...installedPackages],
    packs,
    contents,
    entries: [...entries],
  };
  const { sha256: hash } = await blobs.put(Buffer.from(JSON.stringify(stored)));
  return { manifest: hash, packs };
}

/** CHECKPOINT_NOT_FOUND: its record is there, and its contents are not. */
export function damaged(): AppError {
  return new AppError('CHECKPOINT_NOT_FOUND', 'the content of the checkpoint is missing or damaged', {
    hint: 'restore another checkpoint; workspace_get lists them',
  });
}
