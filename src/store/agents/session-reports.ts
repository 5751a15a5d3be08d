import { sql } from 'kysely';
import type { Database, SqlValue, Tx } from '../database.ts';
import { type Prepared, prepare, type ValueOf } from '../prepared.ts';
import { insertPermission } from './permissions.ts';
import { createLogWriter } from './session-logs.ts';
import type { AgentSessionRecord } from './rows.ts';
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
  const moveOn = createMover(db);
  const stateOf = createStateReader(db);
  /** With the events behind `from`; undefined when the session is not there, or somebody else's. */
  const record = async (tx: Tx, told: SessionReport, from: number): Promise<ReportOutcome | undefined> => {
    const { sessionId: id, worker, epoch, first } = told;
    const events = told.events.slice(from + 1 - first);
    if (events.length === 0) return undefined;
    const reported = from + events.length;
    const session = await moveOn(tx, { id, worker, epoch, from }, { ...columnsOf(told.patch ?? {}), reported });
    if (session === undefined) return undefined;
    const { caller } = session;
    const logged = await write(tx, { id, caller, events });
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
    return { reported, session: { ...session, id, logged } };
  };
  return async (tx, told) => {
    const { sessionId, worker, epoch, first } = told;
    // Most go on where the one before ended: then one statement looks at the session and changes it.
    const next = await record(tx, told, first - 1);
    if (next !== undefined) return next;
    const state = await stateOf.first({ id: sessionId }, tx);
    if (state === undefined || state.worker !== worker || state.epoch !== epoch) return { fenced: true };
    const { reported } = state;
    if (first > reported + 1) return { gap: reported + 1 };
    return (await record(tx, told, reported)) ?? { reported };
  };
}

/** Where a session is as somebody knows it. */
interface Place {
  readonly id: string;
  readonly worker: string;
  readonly epoch: number;
  /** Events that were reported. */
  readonly from: number;
}

type Moved = Pick<AgentSessionRecord, 'caller' | 'workspaceId' | 'parentId'>;
type Columns = Readonly<Record<string, SqlValue>>;

/** Sets columns of a session that is in its place still; for each choice of columns a query of its own, of which there are few. */
function createMover(db: Database): (tx: Tx, place: Place, columns: Columns) => Promise<Moved | undefined> {
  const queries = new Map<string, Prepared<Columns, Moved>>();
  const queryOf = (columns: readonly string[]) => {
    const name = columns.join();
    const known = queries.get(name);
    if (known !== undefined) return known;
    const query = prepare(db, (value: ValueOf<Columns>) => {
      const set = columns.map(column => sql`${sql.ref(column)} = ${value(`set_${column}`)}`);
      return sql<Moved>`
        update session set ${sql.join([...set, sql`updated_at = ${db.now}`])}
        where id = ${value('id')} and worker = ${value('worker')} and epoch = ${value('epoch')} and reported = ${value('from')}
        returning caller, workspace_id as "workspaceId", parent_id as "parentId"`;
    });
    queries.set(name, query);
    return query;
  };
  return (tx, place, columns) => {
    const values: Record<string, SqlValue> = { ...place };
    for (const [column, value] of Object.entries(columns)) values[`set_${column}`] = value;
    return queryOf(Object.keys(columns)).first(values, tx);
  };
}
