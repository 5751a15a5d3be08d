import { sql } from 'kysely';
import { decodeCursor, pageOf } from '../cursor.ts';
import { chunksOf, type Database, type Tx } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import { overLimit } from '../quota.ts';
import type { AgentSessionRecord } from './rows.ts';
import { createLogWriter } from './session-logs.ts';
import { createReporter, createStateReader } from './session-reports.ts';
import { columnsOf, createSessionReader, sessionColumns } from './session-rows.ts';
import type { AgentSessionStore, LiveLimit, LoggedEvents, NewAgentSession } from './store.ts';

const LIVE = ['starting', 'idle', 'running', 'waiting_permission'] as const;
/** One of this id that is there already stays as it is and is answered. */
export async function insertSession(
  db: Database,
  tx: Pick<Tx, 'insertInto' | 'selectFrom'>,
  session: NewAgentSession,
): Promise<AgentSessionRecord> {
  await tx
    .insertInto('session')
    .values({
      id: session.id,
      caller: session.caller,
      agent: session.agent,
      agent_session_id: session.agentSessionId,
      worker: session.worker,
      epoch: 1,
      workspace_id: session.workspaceId,
      slug: session.slug,
      cwd: session.cwd,
      title: session.title,
      model: session.model,
      permission_mode: session.permissionMode,
      status: session.status,
      status_reason: null,
      parent_id: session.parentId,
      forked_from: session.forkedFrom,
      at_message_id: session.atMessageId,
      usage: JSON.stringify(session.usage),
      message_count: session.messageCount,
      metadata: JSON.stringify(session.metadata),
      reported: 0,
      created_at: db.now,
      updated_at: db.now,
      last_message_at: null,
    })
    .onConflict(conflict => conflict.column('id').doNothing())
    .execute();
  const row = await tx.selectFrom('session').select(sessionColumns).where('id', '=', session.id).executeTakeFirst();
  const inserted = createSessionReader(db).maybe(row);
  if (inserted === undefined) throw new Error('a session was deleted in the moment that it was inserted again');
  return inserted;
}

/** Within a transaction that then makes a session live; one that is live already counts once. */
export async function requireLiveLimit(
  db: Database,
  tx: Tx,
  { id, caller, status, perCaller }: Pick<NewAgentSession, 'id' | 'caller' | 'status'> & LiveLimit,
): Promise<void> {
  if (perCaller === undefined || !LIVE.some(live => live === status)) return;
  await db.lock(tx, `live sessions ${caller}`);
  const { count } = await tx
    .selectFrom('session')
    .select(eb => eb.fn.countAll<number>().as('count'))
    .where('caller', '=', caller)
    .where('status', 'in', LIVE)
    .where('id', '!=', id)
    .executeTakeFirstOrThrow();
  if (count >= perCaller) throw overLimit('sessions', perCaller);
}

/** Sessions with agents. Whoever drives one is named by worker and epoch, and what it tells is conditional on both. */
export function createAgentSessionStore(db: Database): AgentSessionStore {
  const reader = createSessionReader(db);
  const select = () => db.kysely.selectFrom('session').select(sessionColumns);
  const write = createLogWriter(db);
  const report = createReporter(db);
  const stateOf = createStateReader(db);
  const byId = prepare(db, (value: ValueOf<{ id: string }>) => select().where('id', '=', value('id')));

  const claimedBy = async (
    tx: Pick<Tx, 'updateTable'>,
    { id, from, to }: { id: string; from: { epoch: number }; to: { worker: string } },
  ) => {
    const row = await tx
      .updateTable('session')
      .set({
        worker: to.worker,
        epoch: from.epoch + 1,
        reported: 0,
        status: 'starting',
        status_reason: null,
        updated_at: db.now,
      })
      .where('id', '=', id)
      .where('epoch', '=', from.epoch)
      .returning(sessionColumns)
      .executeTakeFirst();
    return reader.maybe(row);
  };

  return {
    insert: (session, { perCaller } = {}) =>
      perCaller === undefined
        ? insertSession(db, db.kysely, session)
        : db.write(async tx => {
            await requireLiveLimit(db, tx, { ...session, perCaller });
            return await insertSession(db, tx, session);
          }),

    async get(id) {
      return reader.maybe(await byId.first({ id }));
    },

    async byAgentSession(caller, agentSessionIds) {
      const found: AgentSessionRecord[] = [];
      for (const chunk of chunksOf(agentSessionIds)) {
        const query = select().where('caller', '=', caller).where('agent_session_id', 'in', chunk).orderBy('ordinal');
        found.push(...reader.many(await query.execute()));
      }
      return found;
    },

    async agentIds({ caller, others = false, among }) {
      let query = db.kysely
        .selectFrom('session')
        .select('agent_session_id as id')
        .where('agent_session_id', 'is not', null)
        // Two ranges of the index, where "not equal" would read all that the caller has.
        .where(({ or, eb }) =>
          others ? or([eb('caller', '<', caller), eb('caller', '>', caller)]) : eb('caller', '=', caller),
        );
      if (among !== undefined) query = query.where('agent_session_id', 'in', [...among]);
      return (await query.execute()).flatMap(({ id }) => id ?? []);
    },

    async list({ caller, agent, worker, status, slug, title, since, limit, cursor }) {
      let query = db.kysely
        .selectFrom('session')
        .select([...sessionColumns, 'ordinal'])
        .where('caller', '=', caller)
        .orderBy('updated_at', 'desc')
        .orderBy('ordinal', 'desc')
        .limit(limit + 1);
      const equal = { agent, worker, status, slug };
      for (const column of ['agent', 'worker', 'status', 'slug'] as const) {
        const value = equal[column];
        if (value !== undefined) query = query.where(column, '=', value);
      }
      if (title !== undefined) query = query.where(contains(db, title), '>', 0);
      if (since !== undefined) query = query.where('updated_at', '>=', since);
      if (cursor !== undefined) {
        const [updatedAt = 0, ordinal = 0] = decodeCursor(cursor, 2);
        query = query.where(sql<boolean>`(updated_at, ordinal) < (${updatedAt}, ${ordinal})`);
      }
      const position = (row: { updatedAt: number; ordinal: number }) => [row.updatedAt, row.ordinal];
      return pageOf(await query.execute(), { limit, position, read: reader.many });
    },

    async update(id, at, patch) {
      let query = db.kysely
        .updateTable('session')
        .set({ ...columnsOf(patch), updated_at: db.now })
        .where('id', '=', id);
      if (at !== 'any') query = query.where('epoch', '=', at.epoch);
      if (at !== 'any' && at.status !== undefined) query = query.where('status', '=', at.status);
      return (await query.executeTakeFirst()).numUpdatedRows > 0n;
    },

    async claim(id, from, to, { perCaller } = {}) {
      const claimed = (tx: Pick<Tx, 'updateTable'>) => claimedBy(tx, { id, from, to });
      if (perCaller === undefined) return await claimed(db.kysely);
      return await db.write(async tx => {
        const session = await tx.selectFrom('session').select('caller').where('id', '=', id).executeTakeFirst();
        if (session === undefined) return undefined;
        await requireLiveLimit(db, tx, { id, caller: session.caller, status: 'starting', perCaller });
        return await claimed(tx);
      });
    },

    async live(worker) {
      let query = select().where('status', 'in', LIVE).orderBy('ordinal');
      if (worker !== undefined) query = query.where('worker', '=', worker);
      return reader.many(await query.execute());
    },

    async children(parentId) {
      return reader.many(await select().where('parent_id', '=', parentId).orderBy('ordinal').execute());
    },

    append: (id, events, patch = {}) =>
      db.write(async tx => {
        const state = await stateOf.first({ id }, tx);
        if (state === undefined) return undefined;
        const { caller, workspaceId, parentId } = state;
        const logged = events.length === 0 ? NOTHING_LOGGED : await write(tx, { id, caller, events });
        await tx
          .updateTable('session')
          .set({ ...columnsOf(patch), updated_at: db.now })
          .where('id', '=', id)
          .execute();
        return { id, caller, workspaceId, parentId, logged };
      }),

    report: told => db.write(tx => report(tx, told)),
  };
}

const NOTHING_LOGGED: LoggedEvents = { events: [], ranges: [] };

/** Where in the title a text stands, whatever its case; 0: nowhere. */
const contains = ({ dialect }: Database, text: string) =>
  sql<number>`${sql.raw(dialect === 'postgres' ? 'strpos' : 'instr')}(lower(title), lower(${text}))`;
