import { z } from 'zod';
import { decodeCursor, pageOf } from '../cursor.ts';
import type { Database } from '../database.ts';
import { createRowsReader } from '../rows-reader.ts';
import { type Grantee, shareAccesses, shareKinds, type ShareRecord, type ShareStore } from './store.ts';

const columns = [
  'id',
  'kind',
  'target',
  'owner',
  'grantee_kind as granteeKind',
  'grantee',
  'access',
  'created_at as createdAt',
] as const;

const schema = z.object({
  id: z.string(),
  kind: z.enum(shareKinds),
  target: z.string(),
  owner: z.string(),
  granteeKind: z.enum(['caller', 'team']),
  grantee: z.string(),
  access: z.enum(shareAccesses),
  createdAt: z.number(),
});

/** What callers share. Every look is at the rows themselves, so a share that was revoked is over for every hub at once. */
export function createShareStore(db: Database): ShareStore {
  const reader = createRowsReader<ShareRecord>(db, { table: 'share', schema });
  const grantedTo = ({ id, teams }: Grantee) =>
    db.kysely
      .selectFrom('share')
      .where(({ or, and, eb }) =>
        or([
          and([eb('grantee_kind', '=', 'caller'), eb('grantee', '=', id)]),
          ...(teams.size === 0 ? [] : [and([eb('grantee_kind', '=', 'team'), eb('grantee', 'in', [...teams])])]),
        ]),
      );

  return {
    async insert(share) {
      const row = await db.kysely
        .insertInto('share')
        .values({
          id: share.id,
          kind: share.kind,
          target: share.target,
          owner: share.owner,
          grantee_kind: share.granteeKind,
          grantee: share.grantee,
          access: share.access,
          created_at: db.now,
        })
        .onConflict(conflict =>
          conflict.columns(['kind', 'target', 'grantee_kind', 'grantee']).doUpdateSet({
            access: share.access,
            owner: share.owner,
          }),
        )
        .returning(columns)
        .executeTakeFirstOrThrow();
      return reader.one(row);
    },

    async list({ owner, kind, target, limit, cursor }) {
      let query = db.kysely
        .selectFrom('share')
        .select([...columns, 'ordinal'])
        .where('owner', '=', owner)
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      if (kind !== undefined) query = query.where('kind', '=', kind);
      if (target !== undefined) query = query.where('target', '=', target);
      if (cursor !== undefined) query = query.where('ordinal', '<', decodeCursor(cursor, 1)[0] ?? 0);
      return pageOf(await query.execute(), { limit, position: row => [row.ordinal], read: reader.many });
    },

    async granted(to, kind) {
      let query = grantedTo(to).select(columns).where('owner', '!=', to.id).orderBy('ordinal', 'desc');
      if (kind !== undefined) query = query.where('kind', '=', kind);
      return reader.many(await query.execute());
    },

    async access({ kind, target }, to) {
      const rows = await grantedTo(to).select('access').where('kind', '=', kind).where('target', '=', target).execute();
      if (rows.length === 0) return undefined;
      return rows.some(({ access }) => access === 'write') ? 'write' : 'read';
    },

    async remove(id, owner) {
      const deleted = await db.kysely
        .deleteFrom('share')
        .where('id', '=', id)
        .where('owner', '=', owner)
        .executeTakeFirst();
      return deleted.numDeletedRows > 0n;
    },

    async forget({ kind, target }) {
      await db.kysely.deleteFrom('share').where('kind', '=', kind).where('target', '=', target).execute();
    },
  };
}
