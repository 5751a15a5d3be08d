import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import { chunksOf, type Database, type Tx } from '../database.ts';
import { afterlifeEnd } from '../prune.ts';
import { overLimit } from '../quota.ts';
import type { WorkspaceRecord } from '../rows.ts';
import { createRowsReader, jsonObject, textMap } from '../rows-reader.ts';
import type { Schema } from '../schema.ts';
import type { WorkspaceStore } from './store.ts';

export const workspaceColumns = [
  'id',
  'caller',
  'name',
  'state',
  'worker',
  'epoch',
  'generation',
  'connection',
  'engine',
  'image',
  'spec',
  'metadata',
  'ttl_seconds as ttlSeconds',
  'created_at as createdAt',
  'last_activity_at as lastActivityAt',
  'expires_at as expiresAt',
] as const;

export const workspaceSchema = z.object({
  id: z.string(),
  caller: z.string(),
  name: z.string(),
  state: z.enum(['creating', 'ready', 'busy', 'checkpointing', 'draining', 'stopped', 'failed']),
  worker: z.string(),
  epoch: z.number(),
  generation: z.number(),
  connection: z.string().nullable(),
  engine: z.string(),
  image: z.string().nullable(),
  spec: jsonObject,
  metadata: textMap,
  ttlSeconds: z.number(),
  createdAt: z.number(),
  lastActivityAt: z.number(),
  expiresAt: z.number(),
});

type NewWorkspace = Parameters<WorkspaceStore['insert']>[0];

/**
 * The workspaces. Whoever holds one is named by worker and epoch, and every change by a holder is conditional on both: no
 * rows changed means that it is fenced.
 */
export function createWorkspaceStore(db: Database): WorkspaceStore {
  const reader = createRowsReader<WorkspaceRecord>(db, { table: 'workspace', schema: workspaceSchema });
  const select = () => db.kysely.selectFrom('workspace').select(workspaceColumns);

  const findDefault = async (
    on: Kysely<Schema>,
    { caller, connection }: Pick<NewWorkspace, 'caller' | 'connection'>,
  ) => {
    if (connection === null) return undefined;
    const query = on.selectFrom('workspace').select(workspaceColumns).where('caller', '=', caller);
    return reader.maybe(await query.where('connection', '=', connection).executeTakeFirst());
  };

  const requireLimit = async (
    tx: Tx,
    { workspace: { id, caller }, perCaller }: { workspace: NewWorkspace; perCaller: number },
  ) => {
    await db.lock(tx, `workspaces ${caller}`);
    const { count } = await tx
      .selectFrom('workspace')
      .where('caller', '=', caller)
      .where('id', '!=', id)
      .select(eb => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    if (count >= perCaller) throw overLimit('workspaces', perCaller);
  };

  return {
    insert: (workspace, { slots, seen = slots, perCaller }) =>
      db.write(async tx => {
        // In this order everywhere, so that two of these never wait for each other.
        if (workspace.connection !== null) await db.lock(tx, `default ${workspace.caller} ${workspace.connection}`);
        const existing = await findDefault(tx, workspace);
        if (existing) return { existing };
        if (perCaller !== undefined) await requireLimit(tx, { workspace, perCaller });
        await db.lock(tx, `slots ${workspace.worker}`);
        const { used } = await tx
          .selectFrom('workspace')
          .where('worker', '=', workspace.worker)
          .select(eb => eb.fn.countAll<number>().as('used'))
          .executeTakeFirstOrThrow();
        const find = async () => {
          const query = tx.selectFrom('workspace').select(workspaceColumns).where('id', '=', workspace.id);
          return reader.maybe(await query.executeTakeFirst());
        };
        if (used >= slots || used > seen) {
          const same = await find();
          if (same) return { existing: same };
          return used >= slots ? { full: true } : { stale: true };
        }
        const row = await tx
          .insertInto('workspace')
          .values(rowOf(workspace, db))
          .onConflict(conflict => conflict.column('id').doNothing())
          .returning(workspaceColumns)
          .executeTakeFirst();
        if (row) {
          await tx.deleteFrom('waiting').where('id', '=', workspace.id).execute();
          return { inserted: reader.one(row) };
        }
        const same = await find();
        if (!same) throw new Error('a workspace was deleted in the moment that another of its id was inserted');
        return { existing: same };
      }),

    async get(id) {
      return reader.maybe(await select().where('id', '=', id).executeTakeFirst());
    },

    findDefault: (caller, connection) => findDefault(db.kysely, { caller, connection }),

    async list({ caller, state, limit, cursor }) {
      let rows = db.kysely.selectFrom('workspace').where('caller', '=', caller).where('state', '!=', 'draining');
      if (state !== undefined) rows = rows.where('state', '=', state);
      // One more than asked for tells whether there is a next page.
      let page = rows
        .select([...workspaceColumns, 'ordinal'])
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      if (cursor !== undefined) page = page.where('ordinal', '<', decodeCursor(cursor, 1)[0] ?? 0);
      const { total } = await rows.select(eb => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow();
      const found = await page.execute();
      return { ...pageOf(found, { limit, position: row => [row.ordinal], read: reader.many }), total };
    },

    async update(id, holder, patch) {
      const { spec, metadata, ...plain } = patch;
      const set = {
        ...definedOf(plain),
        ...(spec && { spec: JSON.stringify(spec) }),
        ...(metadata && { metadata: JSON.stringify(metadata) }),
      };
      // Without a change it still tells whether the holder holds it.
      const isEmpty = Object.keys(set).length === 0;
      let query = db.kysely
        .updateTable('workspace')
        .set(isEmpty ? { state: eb => eb.ref('state') } : set)
        .where('id', '=', id);
      if (holder !== 'any') query = query.where('worker', '=', holder.worker).where('epoch', '=', holder.epoch);
      return (await query.executeTakeFirst()).numUpdatedRows > 0n;
    },

    async touch(ids) {
      // Sorted, so that two hubs that touch the same rows take them in the same order.
      const sorted = [...new Set(ids)].sort();
      if (sorted.length === 0) return;
      await db.write(async tx => {
        for (const chunk of chunksOf(sorted)) {
          await tx
            .updateTable('workspace')
            .set({ last_activity_at: db.now, expires_at: sql`${db.now} + ttl_seconds * 1000` })
            .where('id', 'in', chunk)
            .execute();
        }
      });
    },

    async claim(id, from, to) {
      const row = await db.kysely
        .updateTable('workspace')
        .set({ worker: to.worker, epoch: from.epoch + 1, ...(to.spec && { spec: JSON.stringify(to.spec) }) })
        .where('id', '=', id)
        .where('epoch', '=', from.epoch)
        .returning(workspaceColumns)
        .executeTakeFirst();
      return reader.maybe(row);
    },

    delete: (id, at) =>
      db.write(async tx => {
        let row = tx.deleteFrom('workspace').where('id', '=', id);
        if (at) row = row.where('epoch', '=', at.epoch);
        const { numDeletedRows } = await row.executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await tx.deleteFrom('share').where('kind', '=', 'workspace').where('target', '=', id).execute();
        for (const table of ['artifact', 'checkpoint'] as const) {
          await tx
            .updateTable(table)
            .set({ expires_at: afterlifeEnd(db) })
            .where('workspace_id', '=', id)
            .where('expires_at', 'is', null)
            .execute();
        }
        return true;
      }),

    async heldBy(worker) {
      return reader.many(await select().where('worker', '=', worker).orderBy('ordinal').execute());
    },

    async expired() {
      const isOver = select().where(eb => eb.or([eb('expires_at', '<=', db.now), eb('state', '=', 'draining')]));
      return reader.many(await isOver.orderBy('expires_at').execute());
    },
  };
}

/** The `ttl` counts from the creation until the first touch. */
const rowOf = (workspace: NewWorkspace, db: Database) => ({
  id: workspace.id,
  caller: workspace.caller,
  name: workspace.name,
  state: workspace.state,
  worker: workspace.worker,
  epoch: workspace.epoch,
  generation: workspace.generation,
  connection: workspace.connection,
  engine: workspace.engine,
  image: workspace.image,
  spec: JSON.stringify(workspace.spec),
  metadata: JSON.stringify(workspace.metadata),
  ttl_seconds: workspace.ttlSeconds,
  created_at: db.now,
  last_activity_at: db.now,
  expires_at: sql<number>`${db.now} + ${workspace.ttlSeconds * 1000}`,
});

/** Only what is set: an explicit undefined means no change. */
export function definedOf<Values extends object>(values: Values): Partial<Values> {
  const defined: Partial<Values> = {};
  for (const key in values) if (values[key] !== undefined) defined[key] = values[key];
  return defined;
}
