import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { expiryOfChild, pruneExpired } from '../prune.ts';
import type { CheckpointRecord } from '../rows.ts';
import { createRowsReader, flag, jsonObject, textList, textMap } from '../rows-reader.ts';
import type { CheckpointStore, NewCheckpoint } from './store.ts';

export const checkpointColumns = [
  'id',
  'caller',
  'workspace_id as workspaceId',
  'name',
  'size_bytes as sizeBytes',
  'file_count as fileCount',
  'sha256',
  'manifest',
  'packs',
  'installed_packages as installedPackages',
  'spec',
  'metadata',
  'parent_id as parentId',
  'is_automatic as isAutomatic',
  'sequence',
  'created_at as createdAt',
  'expires_at as expiresAt',
] as const;

export const checkpointSchema = z.object({
  id: z.string(),
  caller: z.string(),
  workspaceId: z.string(),
  name: z.string(),
  sizeBytes: z.number(),
  fileCount: z.number(),
  sha256: z.string(),
  manifest: z.string(),
  packs: textList,
  installedPackages: textList,
  spec: jsonObject,
  metadata: textMap,
  parentId: z.string().nullable(),
  isAutomatic: flag,
  sequence: z.number(),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
});

/**
 * The checkpoints. A row names every pack it needs, its parents' included, so a parent may be dropped while its children
 * live; the sweep of blobs keeps what some row names.
 */
export function createCheckpointStore(db: Database): CheckpointStore {
  const reader = createRowsReader<CheckpointRecord>(db, { table: 'checkpoint', schema: checkpointSchema });
  const select = () => db.kysely.selectFrom('checkpoint').select(checkpointColumns);

  const add = async (tx: Tx, checkpoint: NewCheckpoint, keep: number): Promise<CheckpointRecord> => {
    // Two that are added at once would else each count without the other.
    await db.lock(tx, `checkpoints ${checkpoint.workspaceId}`);
    const row = await tx
      .insertInto('checkpoint')
      .values({
        id: checkpoint.id,
        caller: checkpoint.caller,
        workspace_id: checkpoint.workspaceId,
        name: checkpoint.name,
        size_bytes: checkpoint.sizeBytes,
        file_count: checkpoint.fileCount,
        sha256: checkpoint.sha256,
        manifest: checkpoint.manifest,
        packs: JSON.stringify(checkpoint.packs),
        installed_packages: JSON.stringify(checkpoint.installedPackages),
        spec: JSON.stringify(checkpoint.spec),
        metadata: JSON.stringify(checkpoint.metadata),
        parent_id: checkpoint.parentId,
        is_automatic: checkpoint.isAutomatic ? 1 : 0,
        sequence: checkpoint.sequence,
        created_at: db.now,
        expires_at: expiryOfChild(db, checkpoint.workspaceId),
      })
      .onConflict(conflict => conflict.column('id').doNothing())
      .returning(checkpointColumns)
      .executeTakeFirst();
    if (row === undefined) {
      const query = tx.selectFrom('checkpoint').select(checkpointColumns).where('id', '=', checkpoint.id);
      return reader.one(await query.executeTakeFirstOrThrow());
    }
    // Each kind pushes out its own only.
    const kind = checkpoint.isAutomatic ? 1 : 0;
    const kept = tx
      .selectFrom('checkpoint')
      .select('ordinal')
      .where('workspace_id', '=', checkpoint.workspaceId)
      .where('is_automatic', '=', kind)
      .orderBy('ordinal', 'desc')
      .limit(keep);
    await tx
      .deleteFrom('checkpoint')
      .where('workspace_id', '=', checkpoint.workspaceId)
      .where('is_automatic', '=', kind)
      .where('ordinal', 'not in', kept)
      .execute();
    return reader.one(row);
  };

  return {
    insert: (checkpoint, { keep }) => db.write(tx => add(tx, checkpoint, keep)),

    insertHeld: (checkpoint, { keep, holder }) =>
      db.write(async tx => {
        const held = tx
          .selectFrom('workspace')
          .select('id')
          .where('id', '=', checkpoint.workspaceId)
          .where('worker', '=', holder.worker)
          .where('epoch', '=', holder.epoch);
        // Nobody can claim it before this is written.
        const row = await (db.dialect === 'postgres' ? held.forShare() : held).executeTakeFirst();
        return row === undefined ? undefined : await add(tx, checkpoint, keep);
      }),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    async list(workspaceId, limit, { withAutomatic = false } = {}) {
      let rows = select().where('workspace_id', '=', workspaceId).orderBy('ordinal', 'desc').limit(limit);
      if (!withAutomatic) rows = rows.where('is_automatic', '=', 0);
      return reader.many(await rows.execute());
    },

    prune: () => pruneExpired(db, 'checkpoint'),
  };
}
