import { sql } from 'kysely';
import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { createRowsReader, flag, textList } from '../rows-reader.ts';
import type { SignInStore, UserRecord } from './store.ts';

const columns = [
  'auth_user.name',
  'scopes',
  'teams',
  'is_locked as isLocked',
  'failures',
  'blocked_until as blockedUntil',
  'created_at as createdAt',
  'signed_in_at as signedInAt',
] as const;

const schema = z.object({
  name: z.string(),
  scopes: textList,
  teams: textList,
  isLocked: flag,
  failures: z.number(),
  blockedUntil: z.number(),
  createdAt: z.number(),
  signedInAt: z.number().nullable(),
});

type UserStore = Pick<
  SignInStore,
  | 'addUser'
  | 'user'
  | 'users'
  | 'removeUser'
  | 'setPassword'
  | 'setLocked'
  | 'beginSignIn'
  | 'endSignIn'
  | 'userOfGrant'
>;

/** Doublings of the delay; more would leave the range of numbers. */
const MOST_DOUBLINGS = 20;

export function createUserStore(db: Database): UserStore {
  const reader = createRowsReader<UserRecord>(db, { table: 'auth_user', schema });
  const signOut = (tx: Tx, name: string) => tx.deleteFrom('auth_record').where('account', '=', name).execute();
  const change = (name: string, patch: { password?: string; is_locked?: number }) =>
    db.write(async tx => {
      const { numUpdatedRows } = await tx
        .updateTable('auth_user')
        .set({ ...patch, failures: 0, blocked_until: 0 })
        .where('name', '=', name)
        .executeTakeFirst();
      await signOut(tx, name);
      return numUpdatedRows > 0n;
    });

  return {
    async addUser({ name, password, scopes, teams }) {
      const row = { name, password, scopes: JSON.stringify(scopes), teams: JSON.stringify(teams) };
      const { numInsertedOrUpdatedRows } = await db.kysely
        .insertInto('auth_user')
        .values({ ...row, is_locked: 0, failures: 0, blocked_until: 0, created_at: db.now })
        .onConflict(conflict => conflict.column('name').doNothing())
        .executeTakeFirst();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    },

    async user(name) {
      return reader.maybe(
        await db.kysely.selectFrom('auth_user').select(columns).where('name', '=', name).executeTakeFirst(),
      );
    },

    async users() {
      return reader.many(await db.kysely.selectFrom('auth_user').select(columns).orderBy('name').execute());
    },

    removeUser: name =>
      db.write(async tx => {
        const { numDeletedRows } = await tx.deleteFrom('auth_user').where('name', '=', name).executeTakeFirst();
        await signOut(tx, name);
        return numDeletedRows > 0n;
      }),

    setPassword: (name, password) => change(name, { password }),
    setLocked: (name, isLocked) => change(name, { is_locked: isLocked ? 1 : 0 }),

    async beginSignIn(name, { free, baseSeconds, mostSeconds }) {
      const delays = Array.from({ length: MOST_DOUBLINGS }, (_, at) => Math.min(baseSeconds * 2 ** at, mostSeconds));
      const cases = delays.map(
        (seconds, at) => sql`when ${sql.lit(free + at)} then ${sql.lit(Math.round(seconds * 1000))}`,
      );
      const delay = sql`case when failures + 1 < ${sql.lit(free)} then 0 else case failures + 1 ${sql.join(cases, sql` `)}
        else ${sql.lit(Math.round(mostSeconds * 1000))} end end`;
      const row = await db.kysely
        .updateTable('auth_user')
        .set({ failures: sql<number>`failures + 1`, blocked_until: sql<number>`${db.now} + ${delay}` })
        .where('name', '=', name)
        .where('is_locked', '=', 0)
        .where('blocked_until', '<=', db.now)
        .returning('password')
        .executeTakeFirst();
      return row?.password;
    },

    async endSignIn(name) {
      await db.kysely
        .updateTable('auth_user')
        .set({ failures: 0, blocked_until: 0, signed_in_at: db.now })
        .where('name', '=', name)
        .execute();
    },

    async userOfGrant(grantId) {
      const row = await db.kysely
        .selectFrom('auth_record')
        .innerJoin('auth_user', 'auth_user.name', 'auth_record.account')
        .select(columns)
        .where('kind', '=', 'Grant')
        .where('id', '=', grantId)
        .where('is_locked', '=', 0)
        .where('expires_at', '>', db.now)
        .executeTakeFirst();
      return reader.maybe(row);
    },
  };
}
