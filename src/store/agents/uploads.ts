import { z } from 'zod';
import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import { createRowsReader } from '../rows-reader.ts';
import type { UploadRecord } from './rows.ts';
import { requireBytes } from '../used-bytes.ts';
import type { UploadStore } from './store.ts';

const columns = [
  'id',
  'caller',
  'session_id as sessionId',
  'name',
  'content_type as contentType',
  'sha256',
  'size_bytes as sizeBytes',
  'created_at as createdAt',
] as const;
const schema = z.object({
  id: z.string(),
  caller: z.string(),
  sessionId: z.string(),
  name: z.string(),
  contentType: z.string(),
  sha256: z.string(),
  sizeBytes: z.number(),
  createdAt: z.number(),
});

/** Files that callers gave for their prompts. Their bytes are blobs, which stay as long as the rows do. */
export function createUploadStore(db: Database): UploadStore {
  const reader = createRowsReader<UploadRecord>(db, { table: 'session_upload', schema });
  return {
    insert: (upload, { mostBytes: most } = {}) =>
      db.write(async tx => {
        await requireBytes(db, tx, { caller: upload.caller, adding: upload.sizeBytes, most });
        const row = await tx
          .insertInto('session_upload')
          .values({
            id: upload.id,
            caller: upload.caller,
            session_id: upload.sessionId,
            name: upload.name,
            content_type: upload.contentType,
            sha256: upload.sha256,
            size_bytes: upload.sizeBytes,
            created_at: db.now,
          })
          .returning(columns)
          .executeTakeFirstOrThrow();
        return reader.one(row);
      }),

    async ofCaller(caller, ids) {
      if (ids.length === 0) return [];
      const rows = await db.kysely
        .selectFrom('session_upload')
        .select(columns)
        .where('caller', '=', caller)
        .where('id', 'in', ids)
        .execute();
      return reader.many(rows);
    },

    prune: before =>
      pruneInSteps(limit =>
        db.write(tx => {
          const some = tx.selectFrom('session_upload').select('ordinal').where('created_at', '<', before).limit(limit);
          return tx.deleteFrom('session_upload').where('ordinal', 'in', some).executeTakeFirst();
        }),
      ),
  };
}
