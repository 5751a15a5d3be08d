import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../database.ts';
import { createRowsReader, flag, textList } from '../rows-reader.ts';

/** A token that a caller made for its scripts; of the token itself there is only the hash. */
export interface ApiTokenRecord {
  readonly id: string;
  /** Whom it acts for. */
  readonly caller: string;
  readonly callerName: string | null;
  /** What its maker calls it. */
  readonly name: string;
  readonly scopes: string[];
  readonly teams: string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Not more exact than a minute. */
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
  /** By the database's clock. */
  readonly isExpired: boolean;
}

type NewApiToken = Pick<ApiTokenRecord, 'id' | 'caller' | 'callerName' | 'name' | 'scopes' | 'teams'> & {
  /** SHA-256 of the token, in hexadecimal. */
  readonly hash: string;
  readonly lifeSeconds: number;
};

export interface ApiTokenStore {
  /** Undefined, and nothing is inserted, when the caller has `most` tokens already that are good. */
  insert(token: NewApiToken, options: { most: number }): Promise<ApiTokenRecord | undefined>;
  find(hash: string): Promise<ApiTokenRecord | undefined>;
  /** The newest first, at most 1,000; of one caller, or of all. */
  list(options: { caller?: string }): Promise<ApiTokenRecord[]>;
  /** From now on it is good no more; of one caller, or of whomever. Undefined: there is no such token. */
  revoke(id: string, options: { caller?: string }): Promise<ApiTokenRecord | undefined>;
  /** How many good ones there were. */
  revokeAllOf(caller: string): Promise<number>;
  /** It was used now; written down at most once a minute. */
  used(id: string): Promise<void>;
  /** Forgets those that ended before. */
  prune(before: number): Promise<number>;
}

const MOST_LISTED = 1000;
const USE_MS = 60_000;

const schema = z.object({
  id: z.string(),
  caller: z.string(),
  callerName: z.string().nullable(),
  name: z.string(),
  scopes: textList,
  teams: textList,
  createdAt: z.number(),
  expiresAt: z.number(),
  lastUsedAt: z.number().nullable(),
  revokedAt: z.number().nullable(),
  isExpired: flag,
});

export function createApiTokenStore(db: Database): ApiTokenStore {
  const reader = createRowsReader<ApiTokenRecord>(db, { table: 'api_token', schema });
  const columns = [
    ...(['id', 'caller', 'name', 'scopes', 'teams'] as const),
    'caller_name as callerName',
    'created_at as createdAt',
    'expires_at as expiresAt',
    'last_used_at as lastUsedAt',
    'revoked_at as revokedAt',
    sql<number>`case when expires_at <= ${db.now} then 1 else 0 end`.as('isExpired'),
  ] as const;
  const isGood = sql<boolean>`revoked_at is null and expires_at > ${db.now}`;
  const find = async (hash: string) =>
    reader.maybe(await db.kysely.selectFrom('api_token').select(columns).where('hash', '=', hash).executeTakeFirst());

  return {
    insert: ({ callerName, scopes, teams, lifeSeconds, ...token }, { most }) =>
      db.write(async tx => {
        await db.lock(tx, `api tokens ${token.caller}`);
        const { count } = await tx
          .selectFrom('api_token')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where('caller', '=', token.caller)
          .where(isGood)
          .executeTakeFirstOrThrow();
        if (Number(count) >= most) return undefined;
        const row = await tx
          .insertInto('api_token')
          .values({
            ...token,
            caller_name: callerName,
            scopes: JSON.stringify(scopes),
            teams: JSON.stringify(teams),
            created_at: db.now,
            expires_at: sql<number>`${db.now} + ${Math.round(lifeSeconds * 1000)}`,
          })
          .returning(columns)
          .executeTakeFirst();
        return reader.maybe(row);
      }),

    find,

    async list({ caller }) {
      const all = db.kysely.selectFrom('api_token').select(columns).orderBy('ordinal', 'desc').limit(MOST_LISTED);
      return reader.many(await (caller === undefined ? all : all.where('caller', '=', caller)).execute());
    },

    async revoke(id, { caller }) {
      const one = db.kysely
        .updateTable('api_token')
        .set({ revoked_at: sql<number>`coalesce(revoked_at, ${db.now})` })
        .where('id', '=', id)
        .returning(columns);
      return reader.maybe(await (caller === undefined ? one : one.where('caller', '=', caller)).executeTakeFirst());
    },

    async revokeAllOf(caller) {
      const { numUpdatedRows } = await db.kysely
        .updateTable('api_token')
        .set({ revoked_at: db.now })
        .where('caller', '=', caller)
        .where(isGood)
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },

    async used(id) {
      await db.kysely
        .updateTable('api_token')
        .set({ last_used_at: db.now })
        .where('id', '=', id)
        .where(sql<boolean>`(last_used_at is null or last_used_at <= ${db.now} - ${USE_MS})`)
        .execute();
    },

    async prune(before) {
      const { numDeletedRows } = await db.kysely
        .deleteFrom('api_token')
        .where(({ or, eb }) => or([eb('expires_at', '<', before), eb('revoked_at', '<', before)]))
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
