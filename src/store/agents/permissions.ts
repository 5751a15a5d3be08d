import { sql } from 'kysely';
import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import type { Database, Tx } from '../database.ts';
import { createRowsReader, flag, jsonObject, listOf, type RowsReader } from '../rows-reader.ts';
import { type PermissionRecord, rememberWords } from './rows.ts';
import type { NewPermission, PermissionStore } from './store.ts';

export const permissionColumns = [
  'id',
  'session_id as sessionId',
  'caller',
  'worker',
  'epoch',
  'source',
  'tool_name as toolName',
  'description',
  'input',
  'remember',
  'state',
  'answer',
  'is_delivered as isDelivered',
  'created_at as createdAt',
  'expires_at as expiresAt',
  'resolved_at as resolvedAt',
] as const;

const schema = z.object({
  id: z.string(),
  sessionId: z.string(),
  caller: z.string(),
  worker: z.string(),
  epoch: z.number(),
  source: z.enum(['session', 'terminal']),
  toolName: z.string(),
  description: z.string(),
  input: jsonObject,
  remember: listOf(z.enum(rememberWords)),
  state: z.enum(['pending', 'allowed', 'denied', 'expired', 'resolved_locally']),
  answer: jsonObject.nullable(),
  isDelivered: flag,
  createdAt: z.number(),
  expiresAt: z.number(),
  resolvedAt: z.number().nullable(),
});

export const createPermissionReader = (db: Database): RowsReader<PermissionRecord> =>
  createRowsReader<PermissionRecord>(db, { table: 'permission', schema });

/** Inserts within a transaction of the caller's; one that is there already stays as it is. */
export async function insertPermission(db: Database, tx: Tx, permission: NewPermission): Promise<void> {
  const { id, caller, worker, epoch, source, description, holdSeconds } = permission;
  await tx
    .insertInto('permission')
    .values({
      id,
      session_id: permission.sessionId,
      caller,
      worker,
      epoch,
      source,
      tool_name: permission.toolName,
      description,
      input: JSON.stringify(permission.input),
      remember: JSON.stringify(permission.remember),
      state: 'pending',
      answer: null,
      is_delivered: 0,
      created_at: db.now,
      expires_at: sql`${db.now} + ${Math.round(holdSeconds * 1000)}`,
      resolved_at: null,
    })
    .onConflict(conflict => conflict.column('id').doNothing())
    .execute();
}

/** Requests of agents for leave to use a tool. The condition on the state decides in the database which answer was the first. */
export function createPermissionStore(db: Database): PermissionStore {
  const reader = createPermissionReader(db);
  const select = () => db.kysely.selectFrom('permission').select(permissionColumns);
  const get = async (id: string) => reader.maybe(await select().where('id', '=', id).executeTakeFirst());

  return {
    async insert(permission) {
      await db.write(tx => insertPermission(db, tx, permission));
      return reader.one(await select().where('id', '=', permission.id).executeTakeFirst());
    },

    get,

    async list({ caller, sessionId, pendingOnly, limit, cursor }) {
      let query = db.kysely
        .selectFrom('permission')
        .select([...permissionColumns, 'ordinal'])
        .where('caller', '=', caller)
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
      if (pendingOnly) query = query.where('state', '=', 'pending');
      if (cursor !== undefined) query = query.where('ordinal', '<', decodeCursor(cursor, 1)[0] ?? 0);
      return pageOf(await query.execute(), { limit, position: row => [row.ordinal], read: reader.many });
    },

    async resolve(id, { state, answer }) {
      const row = await db.kysely
        .updateTable('permission')
        .set({ state, answer: answer === null ? null : JSON.stringify(answer), resolved_at: db.now })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .returning(permissionColumns)
        .executeTakeFirst();
      if (row !== undefined) return { record: reader.one(row), isFirst: true };
      const record = await get(id);
      return record && { record, isFirst: false };
    },

    async delivered(id) {
      await db.kysely.updateTable('permission').set({ is_delivered: 1 }).where('id', '=', id).execute();
    },

    async undelivered() {
      const rows = await select()
        .where('is_delivered', '=', 0)
        .where('state', 'in', ['allowed', 'denied', 'expired'])
        .orderBy('ordinal')
        .execute();
      return reader.many(rows);
    },

    async expire() {
      const rows = await db.kysely
        .updateTable('permission')
        .set({ state: 'expired', resolved_at: db.now })
        .where('state', '=', 'pending')
        .where('source', '=', 'session')
        .where('expires_at', '<=', db.now)
        .returning(permissionColumns)
        .execute();
      return reader.many(rows);
    },
  };
}
