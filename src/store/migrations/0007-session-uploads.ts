import type { Kysely } from 'kysely';
import { type Columns, numberedTableOf } from './columns.ts';

/** Files that callers give for prompts. */
export async function addSessionUploads(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await numberedTableOf(db, {
    columns,
    name: 'session_upload',
    texts: ['id', 'caller', 'session_id', 'name', 'content_type', 'sha256'],
    numbers: ['size_bytes', 'created_at'],
  }).execute();
  await db.schema.createIndex('session_upload_age').on('session_upload').columns(['created_at']).execute();
}
