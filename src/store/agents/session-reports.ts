import { sql } from 'kysely';
import type { Database, SqlValue, Tx } from '../database.ts';
import { type Prepared, prepare, type ValueOf } from '../prepared.ts';
import { insertPermission } from './permissions.ts';
import { createLogWriter } from './session-logs.ts';
import { columnsOf } from './session-rows.ts';
import type { ReportOutcome, SessionReport } from './store.ts';
import { endTurn } from './turns.ts';

/** What a report is judged by, and what follows from it. */
const stateColumns = [
  'caller',
  'worker',
  'epoch',
  'reported',
  'workspace_id as workspaceId',
  'parent_id as parentId',
] as const;

/** Within a transaction; on PostgreSQL locked, so that two reports of one session take turns. */
export const createStateReader = (db: Database) =>
  prepare(db, (value: ValueOf<{ id: string }>) => {
    const query = db.kysely.selectFrom('session').select(stateColumns).where('id', '=', value('id'));
    return db.dialect === 'postgres' ? query.forUpdate() : query;
  });

/** Writes a report down within a transaction, see `AgentSessionStore.report`. */
export function createReporter(db: Database): (tx: Tx, told: SessionReport) => Promise<ReportOutcome> {
  const write = createLogWriter(db);
  const update = createUpdater(db);
  const stateOf = createStateReader(db);
  return async (tx, told) => {
    const { sessionId, worker, epoch, first } = told;
    const state = await stateOf.first({ id: sessionId }, tx);
    if (state === undefined || state.worker !== worker || state.epoch !== epoch) return { fenced: true };
    const next = state.reported + 1;
    if (first > next) return { gap: next };
    const fresh = told.events.slice(next - first);
    const reported = state.reported + fresh.length;
    if (fresh.length === 0) return { reported };
    const { caller, workspaceId, parentId } = state;
    const logged = await write(tx, { id: sessionId, caller, events: fresh });
    for (const permission of told.asked ?? []) await insertPermission(db, tx, { ...permission, caller });
    for (const { id, state: end } of told.settled ?? []) {
      await tx
        .updateTable('permission')
        .set({ state: end, resolved_at: db.now, is_delivered: 1 })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .execute();
    }
    for (const turn of told.ended ?? []) await endTurn(db, tx, turn);
    await update(tx, sessionId, { ...columnsOf(told.patch ?? {}), reported });
    return { reported, session: { id: sessionId, caller, workspaceId, parentId, logged } };
  };
}

/** Of these columns of a session; for each choice of columns a query of its own, of which there are few. */
function createUpdater(db: Database) {
  const queries = new Map<string, Prepared<Readonly<Record<string, SqlValue>>, unknown>>();
  const queryOf = (columns: readonly string[]) => {
    const name = columns.join();
    const known = queries.get(name);
    if (known !== undefined) return known;
    const query = prepare(db, (value: ValueOf<Readonly<Record<string, SqlValue>>>) => {
      const set = columns.map(column => sql`${sql.ref(column)} = ${value(column)}`);
      return sql`update session set ${sql.join([...set, sql`updated_at = ${db.now}`])} where id = ${value('id')}`;
    });
    queries.set(name, query);
    return query;
  };
  return (tx: Tx, id: string, columns: Readonly<Record<string, SqlValue>>) =>
    queryOf(Object.keys(columns)).all({ ...columns, id }, tx);
}
