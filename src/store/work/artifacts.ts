import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import type { Database } from '../database.ts';
import { expiryOfChild, pruneExpired } from '../prune.ts';
import type { ArtifactRecord } from '../rows.ts';
import { createRowsReader, textMap } from '../rows-reader.ts';
import type { ArtifactStore } from './store.ts';
import { requireBytes } from '../used-bytes.ts';

export const artifactColumns = [
  'id',
  'caller',
  'workspace_id as workspaceId',
  'task_id as taskId',
  'name',
  'path',
  'size_bytes as sizeBytes',
  'content_type as contentType',
  'sha256',
  'labels',
  'created_at as createdAt',
  'expires_at as expiresAt',
] as const;

export const artifactSchema = z.object({
  id: z.string(),
  caller: z.string(),
  workspaceId: z.string(),
  taskId: z.string().nullable(),
  name: z.string(),
  path: z.string(),
  sizeBytes: z.number(),
  contentType: z.string(),
  sha256: z.string(),
  labels: textMap,
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
});

const sumOf = (artifacts: readonly Pick<ArtifactRecord, 'sizeBytes'>[]): number =>
  artifacts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/**
 * The artifacts. One that is written again under its path is a new row; lists and names show the newest, an id the one it
 * was given to.
 */
export function createArtifactStore(db: Database): ArtifactStore {
  const reader = createRowsReader<ArtifactRecord>(db, { table: 'artifact', schema: artifactSchema });
  const select = () => db.kysely.selectFrom('artifact').select(artifactColumns);

  return {
    insert: (artifacts, { mostBytes: most } = {}) =>
      db.write(async tx => {
        const [{ caller } = { caller: '' }] = artifacts;
        await requireBytes(db, tx, { caller, adding: sumOf(artifacts), most });
        const inserted: ArtifactRecord[] = [];
        // One by one: the order of insertion decides which of two with the same path is the newest.
        for (const artifact of artifacts) {
          const row = await tx
            .insertInto('artifact')
            .values({
              id: artifact.id,
              caller: artifact.caller,
              workspace_id: artifact.workspaceId,
              task_id: artifact.taskId,
              name: artifact.name,
              path: artifact.path,
              size_bytes: artifact.sizeBytes,
              content_type: artifact.contentType,
              sha256: artifact.sha256,
              labels: JSON.stringify(artifact.labels),
              created_at: db.now,
              expires_at: expiryOfChild(db, artifact.workspaceId),
            })
            .returning(artifactColumns)
            .executeTakeFirstOrThrow();
          inserted.push(reader.one(row));
        }
        return inserted;
      }),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    async findByName(workspaceId, name) {
      for (const column of ['path', 'name'] as const) {
        const row = await select()
          .where('workspace_id', '=', workspaceId)
          .where(column, '=', name)
          .orderBy('ordinal', 'desc')
          .limit(1)
          .executeTakeFirst();
        if (row) return reader.one(row);
      }
      return undefined;
    },

    async list({ workspaceId, limit, cursor }) {
      let query = db.kysely
        .selectFrom('artifact as a')
        .select([...artifactColumns, 'ordinal'])
        .where('workspace_id', '=', workspaceId)
        .where(eb =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('artifact as newer')
                .select('newer.ordinal')
                .whereRef('newer.workspace_id', '=', 'a.workspace_id')
                .whereRef('newer.path', '=', 'a.path')
                .whereRef('newer.ordinal', '>', 'a.ordinal'),
            ),
          ),
        )
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      if (cursor !== undefined) query = query.where('ordinal', '<', decodeCursor(cursor, 1)[0] ?? 0);
      return pageOf(await query.execute(), { limit, position: row => [row.ordinal], read: reader.many });
    },

    prune: () => pruneExpired(db, 'artifact'),
  };
}
