import { z } from 'zod';
import type { Database } from './database.ts';

/** A quoted SHA-256, as it stands in JSON. */
const HASHES = /"([0-9a-f]{64})"/g;
const packsSchema = z.array(z.string());

/** Hashes that rows name: contents of artifacts and uploads, manifests and packs of checkpoints, and whatever waiting jobs and prompts name. */
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
  for (const { sha256 } of await db.kysely.selectFrom('session_upload').select('sha256').distinct().execute()) {
    hashes.add(sha256);
  }
  const prompts = db.kysely.selectFrom('turn').select('prompt').where('ended_at', 'is', null);
  for (const { prompt } of await prompts.execute()) addHashes(prompt, hashes);
  const waiting = db.kysely
    .selectFrom('task')
    .select('job')
    .where('completed_at', 'is', null)
    .where('job', 'is not', null);
  for (const { job } of await waiting.execute()) addHashes(job ?? '', hashes);
  return hashes;
}

function addHashes(json: string, hashes: Set<string>): void {
  for (const [, hash] of json.matchAll(HASHES)) if (hash !== undefined) hashes.add(hash);
}
