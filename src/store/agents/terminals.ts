import { sql } from 'kysely';
import type { JsonObject } from '../rows.ts';
import type { Database } from '../database.ts';
import { pruneInSteps } from '../prune.ts';
import { createPermissionReader, insertPermission, permissionColumns } from './permissions.ts';
import { promptDelivery } from './prompt-delivery.ts';
import type { PermissionRecord, PermissionState, TurnRecord } from './rows.ts';
import { createLogWriter } from './session-logs.ts';
import type { NewPermission, NewSessionEvent } from './store.ts';
import { createTurnReader, turnColumns } from './turn-rows.ts';

/** What agents in their users' own terminals tell through hooks. */
export interface TerminalStore {
  /** `hash` of a token that belongs to the caller from now on. */
  addToken(hash: string, caller: string): Promise<void>;
  /** False when it is not the caller's. */
  removeToken(hash: string, caller: string): Promise<boolean>;
  /** Whose token has this hash. */
  ownerOf(hash: string): Promise<string | undefined>;
  /** A hook of this session came, with a token of this caller. */
  heard(agentSessionId: string, caller: string): Promise<void>;
  /** Epoch milliseconds of the last such hook. */
  lastHeard(agentSessionId: string, caller: string): Promise<number | undefined>;
  /** Forgets what was heard before. */
  prune(before: number): Promise<number>;
  /** A request for leave and the event that tells of it, in one transaction. */
  ask(permission: NewPermission, event: (record: PermissionRecord) => NewSessionEvent): Promise<PermissionRecord>;
  /** The first end of a request wins, and is written together with its event. Undefined: there is no such request. */
  settle(
    id: string,
    to: { state: Exclude<PermissionState, 'pending'>; answer: JsonObject | null },
    event: NewSessionEvent,
  ): Promise<{ record: PermissionRecord; isFirst: boolean } | undefined>;
  /** Requests that nobody has answered yet; `isOverdue`: their time is over. */
  pending(): Promise<(PermissionRecord & { readonly isOverdue: boolean })[]>;
  /** The oldest prompt that waits for the end of the terminal's turn begins; no other can have it. */
  takePrompt(sessionId: string): Promise<TurnRecord | undefined>;
  /** It did not reach the terminal after all, and waits again. */
  returnPrompt(turnId: string): Promise<void>;
}

export function createTerminalStore(db: Database): TerminalStore {
  const permissions = createPermissionReader(db);
  const turns = createTurnReader(db);
  const write = createLogWriter(db);
  const permission = (tx: Pick<Database['kysely'], 'selectFrom'>, id: string) =>
    tx.selectFrom('permission').select(permissionColumns).where('id', '=', id).executeTakeFirst();

  return {
    async addToken(hash, caller) {
      await db.kysely.insertInto('hook_token').values({ hash, caller, created_at: db.now }).execute();
    },

    async removeToken(hash, caller) {
      const { numDeletedRows } = await db.kysely
        .deleteFrom('hook_token')
        .where('hash', '=', hash)
        .where('caller', '=', caller)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },

    async ownerOf(hash) {
      const row = await db.kysely.selectFrom('hook_token').select('caller').where('hash', '=', hash).executeTakeFirst();
      return row?.caller;
    },

    async heard(agentSessionId, caller) {
      await db.kysely
        .insertInto('terminal')
        .values({ agent_session_id: agentSessionId, caller, heard_at: db.now })
        .onConflict(conflict => conflict.columns(['agent_session_id', 'caller']).doUpdateSet({ heard_at: db.now }))
        .execute();
    },

    async lastHeard(agentSessionId, caller) {
      const row = await db.kysely
        .selectFrom('terminal')
        .select('heard_at')
        .where('agent_session_id', '=', agentSessionId)
        .where('caller', '=', caller)
        .executeTakeFirst();
      return row?.heard_at;
    },

    prune: before =>
      pruneInSteps(limit =>
        db.write(tx => {
          const some = tx.selectFrom('terminal').select('agent_session_id').where('heard_at', '<', before).limit(limit);
          return tx
            .deleteFrom('terminal')
            .where('agent_session_id', 'in', some)
            .where('heard_at', '<', before)
            .executeTakeFirst();
        }),
      ),

    ask: (asked, event) =>
      db.write(async tx => {
        await insertPermission(db, tx, asked);
        const record = permissions.one(await permission(tx, asked.id));
        await write(tx, { id: record.sessionId, caller: record.caller, events: [event(record)] });
        return record;
      }),

    settle: (id, { state, answer }, event) =>
      db.write(async tx => {
        const row = await tx
          .updateTable('permission')
          .set({ state, answer: answer === null ? null : JSON.stringify(answer), resolved_at: db.now, is_delivered: 1 })
          .where('id', '=', id)
          .where('state', '=', 'pending')
          .returning(permissionColumns)
          .executeTakeFirst();
        if (row === undefined) {
          const record = permissions.maybe(await permission(tx, id));
          return record && { record, isFirst: false };
        }
        const record = permissions.one(row);
        await write(tx, { id: record.sessionId, caller: record.caller, events: [event] });
        return { record, isFirst: true };
      }),

    async pending() {
      const rows = await db.kysely
        .selectFrom('permission')
        .select(permissionColumns)
        .select(sql<number>`case when expires_at <= ${db.now} then 1 else 0 end`.as('isOverdue'))
        .where('is_delivered', '=', 0)
        .where('state', '=', 'pending')
        .where('source', '=', 'terminal')
        .orderBy('ordinal')
        .execute();
      return rows.map(({ isOverdue, ...row }) => ({ ...permissions.one(row), isOverdue: Number(isOverdue) === 1 }));
    },

    takePrompt: sessionId =>
      db.write(async tx => {
        await db.lock(tx, `turns ${sessionId}`);
        const rows = await tx
          .selectFrom('turn')
          .select(turnColumns)
          .where('session_id', '=', sessionId)
          .where('state', '=', 'waiting')
          .orderBy('ordinal')
          .execute();
        const next = turns.many(rows).find(({ prompt }) => promptDelivery(prompt) === 'stop_hook');
        if (next === undefined) return undefined;
        const row = await tx
          .updateTable('turn')
          .set({ state: 'running', started_at: db.now })
          .where('id', '=', next.id)
          .where('state', '=', 'waiting')
          .returning(turnColumns)
          .executeTakeFirst();
        return turns.maybe(row);
      }),

    async returnPrompt(turnId) {
      await db.kysely
        .updateTable('turn')
        .set({ state: 'waiting', started_at: null })
        .where('id', '=', turnId)
        .where('state', '=', 'running')
        .execute();
    },
  };
}
