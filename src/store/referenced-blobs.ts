import { z } from 'zod';
import type { Database } from './database.ts';

/** A quoted SHA-256, as it stands in JSON. */
const HASHES = /"([0-9a-f]{64})"/g;
const packsSchema = z.array(z.string());

/** Hashes that rows name: contents of artifacts, manifests and packs of checkpoints, and whatever waiting jobs name. */
export async function referencedBlobs(db: Pick<Database, 'kysely'>): Promise<Set<string>> {
  const hashes = new Set<string>();
  for (const { sha256 } of await db.kysely.selectFrom('artifact').select('sha256').distinct().execute()) {
    hashes.add(sha256);
  }
  for (const { manifest, packs } of await db.kysely.selectFrom('checkpoint').select(['manifest', 'packs']).execute()) {
    hashes.add(manifest);
    // Throws for a torn row: a sweep must not go on when it cannot know what to keep.
    for (const pack of packsSchema.parse(JSON.parse(packs))) hashes.add(pack);
  }
  const waiting = db.kysely
    .selectFrom('task')
    .select('job')
    .where('completed_at', 'is', null)
    .where('job', 'is not', null);
  for (const { job } of await waiting.execute()) {
    for (const [, hash] of job?.matchAll(HASHES) ?? []) if (hash !== undefined) hashes.add(hash);
  }
  return hashes;
}
