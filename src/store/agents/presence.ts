import { z } from 'zod';
import type { Database, Tx } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import type { AgentSessionRecord, SessionState } from './rows.ts';
import { type OpenRecord, openRecordsOf } from './open-records.ts';
import { createLogWriter } from './session-logs.ts';
import { createSessionReader, sessionColumns } from './session-rows.ts';
import type { NewSessionEvent } from './store.ts';

/** How far a transcript that others write was told as events. */
export interface MirrorPosition {
  /** Id of the last message that was looked at. */
  readonly after: string | null;
  /** Id of the prompt whose turn was told of and has not ended yet. */
  readonly turn: string | null;
  /** The last word of that turn was the model's. */
  readonly isSaid: boolean;
}

/** What users do with sessions in their own terminals. */
export interface PresenceStore {
  /** What a worker told now; answers what it told before. */
  put(worker: string, open: readonly OpenRecord[]): Promise<OpenRecord[]>;
  /** What each worker told last, of those that have ever told. */
  all(): Promise<{ readonly worker: string; readonly open: OpenRecord[] }[]>;
  /** The same of one worker; undefined when that has no lease. */
  ofLive(worker: string): Promise<OpenRecord[] | undefined>;
  /** Our records of sessions that agents of a worker call so, of all callers. */
  sessionsOf(worker: string, agentSessionIds: readonly string[]): Promise<AgentSessionRecord[]>;
  /** Those that are open in a terminal, and those whose turn in one has not ended. */
  followed(): Promise<AgentSessionRecord[]>;
  /** From one of these states to another with what is told of it; false when the session is in none of them, or was started since. */
  change(
    session: Pick<AgentSessionRecord, 'id' | 'epoch'>,
    change: { from: readonly SessionState[]; to: SessionState; event: NewSessionEvent },
  ): Promise<boolean>;
  /** Undefined: nothing was told of it since its agent was last started here. */
  position(sessionId: string): Promise<MirrorPosition | undefined>;
  /** Events and the position after them in one; false when another hub was first, or the session is driven here. */
  advance(
    session: Pick<AgentSessionRecord, 'id' | 'epoch'>,
    move: { from: MirrorPosition | undefined; to: MirrorPosition; events: readonly NewSessionEvent[] },
  ): Promise<boolean>;
}

const positionSchema = z.object({ after: z.string().nullable(), turn: z.string().nullable(), isSaid: z.boolean() });
const LIVE: ReadonlySet<string> = new Set(['starting', 'idle', 'running', 'waiting_permission']);

export function createPresenceStore(db: Database): PresenceStore {
  const reader = createSessionReader(db);
  const write = createLogWriter(db);
  const select = () => db.kysely.selectFrom('session').select(sessionColumns);

  const openOfLive = prepare(db, (value: ValueOf<{ worker: string }>) =>
    db.kysely
      .selectFrom('presence')
      .innerJoin('worker', 'worker.id', 'presence.worker')
      .select('presence.open')
      .where('presence.worker', '=', value('worker'))
      .where('worker.is_reaped', '=', 0)
      .where('worker.lease_until', '>', db.now),
  );
  const positionOf = async (tx: Pick<Tx, 'selectFrom'>, sessionId: string) => {
    const row = await tx.selectFrom('mirror').select('position').where('session_id', '=', sessionId).executeTakeFirst();
    return row && positionSchema.parse(JSON.parse(row.position));
  };
  /** On PostgreSQL locked, so that whoever starts it waits. */
  const current = (tx: Tx, { id, epoch }: Pick<AgentSessionRecord, 'id' | 'epoch'>) => {
    const query = tx.selectFrom('session').select(['caller', 'status']).where('id', '=', id).where('epoch', '=', epoch);
    return (db.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  };

  return {
    put: (worker, open) =>
      db.write(async tx => {
        await db.lock(tx, `presence ${worker}`);
        const row = await tx.selectFrom('presence').select('open').where('worker', '=', worker).executeTakeFirst();
        const told = { open: JSON.stringify(open), told_at: db.now };
        await tx
          .insertInto('presence')
          .values({ worker, ...told })
          .onConflict(conflict => conflict.column('worker').doUpdateSet(told))
          .execute();
        return row === undefined ? [] : openRecordsOf(row.open);
      }),

    async all() {
      const rows = await db.kysely.selectFrom('presence').select(['worker', 'open']).orderBy('worker').execute();
      return rows.map(({ worker, open }) => ({ worker, open: openRecordsOf(open) }));
    },

    async ofLive(worker) {
      const row = await openOfLive.first({ worker });
      return row && openRecordsOf(row.open);
    },

    async sessionsOf(worker, agentSessionIds) {
      if (agentSessionIds.length === 0) return [];
      const rows = await select()
        .where('worker', '=', worker)
        .where('agent_session_id', 'in', [...agentSessionIds])
        .where('workspace_id', 'is', null)
        .orderBy('ordinal')
        .execute();
      return reader.many(rows);
    },

    async followed() {
      const rows = await select()
        .where(eb =>
          eb.or([
            eb('status', '=', 'mirror'),
            eb('id', 'in', eb.selectFrom('mirror').select('session_id').where('is_open', '=', 1)),
          ]),
        )
        .orderBy('ordinal')
        .execute();
      return reader.many(rows);
    },

    change: (session, { from, to, event }) =>
      db.write(async tx => {
        const row = await current(tx, session);
        if (row === undefined || !from.some(state => state === row.status)) return false;
        await write(tx, { id: session.id, caller: row.caller, events: [event] });
        await tx
          .updateTable('session')
          .set({ status: to, status_reason: null, updated_at: db.now })
          .where('id', '=', session.id)
          .execute();
        return true;
      }),

    position: sessionId => positionOf(db.kysely, sessionId),

    advance: (session, { from, to, events }) =>
      db.write(async tx => {
        await db.lock(tx, `mirror ${session.id}`);
        const row = await current(tx, session);
        if (row === undefined || LIVE.has(row.status)) return false;
        const known = await positionOf(tx, session.id);
        if (JSON.stringify(known) !== JSON.stringify(from && positionSchema.parse(from))) return false;
        if (events.length > 0) await write(tx, { id: session.id, caller: row.caller, events });
        const set = { position: JSON.stringify(positionSchema.parse(to)), is_open: to.turn === null ? 0 : 1 };
        await tx
          .insertInto('mirror')
          .values({ session_id: session.id, ...set })
          .onConflict(conflict => conflict.column('session_id').doUpdateSet(set))
          .execute();
        return true;
      }),
  };
}
