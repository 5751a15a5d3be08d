import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { prepare, type ValueOf } from '../prepared.ts';
import { READY } from './enqueuing.ts';
import { streamOf } from './session-logs.ts';
import type { BegunAtOnce, TurnStore } from './store.ts';

/**
 * See `TurnStore.beginAtOnce`. In one statement, because somebody waits for the agent's first words: all that a prompt may meet is looked
 * for while it is written down. The text of what a worker told names the sessions that terminals have.
 */
export function createBeginner(db: Database): TurnStore['beginAtOnce'] {
  const begin = createInserter(db);
  return async ({ prompt, ...turn }) => {
    const entering = { ...turn, prompt: JSON.stringify(prompt), stream: streamOf(turn.sessionId) };
    // One statement has this file to itself; in PostgreSQL another prompt could come between its look and its writing.
    if (db.dialect === 'sqlite') return await begin.first(entering);
    return await db.write(async tx => {
      await db.lock(tx, `turns ${turn.sessionId}`);
      return await begin.first(entering, tx);
    });
  };
}

interface Entering {
  readonly id: string;
  readonly sessionId: string;
  readonly caller: string;
  /** JSON. */
  readonly prompt: string;
  readonly stream: string;
}

function createInserter(db: Database) {
  const find = sql.raw(db.dialect === 'postgres' ? 'strpos' : 'instr');
  return prepare<Entering, BegunAtOnce>(db, (value: ValueOf<Entering>) =>
    db.kysely
      .insertInto('turn')
      .columns(['id', 'session_id', 'caller', 'state', 'prompt', 'epoch', 'created_at', 'started_at'])
      .expression(({ selectFrom }) =>
        selectFrom('session')
          .select([value('id').as('id'), 'session.id as session_id', 'caller', sql.lit('running').as('state')])
          .select([value('prompt').as('prompt'), 'epoch', db.now.as('created_at'), db.now.as('started_at')])
          .where('session.id', '=', value('sessionId'))
          .where('caller', '=', value('caller'))
          .where(
            'status',
            'in',
            READY.map(status => sql.lit(status)),
          )
          .where(({ not, exists, selectFrom: look }) => {
            const open = look('turn').whereRef('turn.session_id', '=', 'session.id').where('turn.ended_at', 'is', null);
            return not(exists(open.select('turn.id')));
          })
          .where(({ not, exists, selectFrom: look }) => {
            const told = look('presence')
              .innerJoin('worker', 'worker.id', 'presence.worker')
              .whereRef('presence.worker', '=', 'session.worker')
              .where('session.workspace_id', 'is', null)
              // No parameter: SQLite would put the statement together anew for each value of it, because of an index of those alone.
              .where('worker.is_reaped', '=', sql.lit(0))
              .where('worker.lease_until', '>', db.now)
              .where(sql<boolean>`${find}(presence.open, session.agent_session_id) > 0`);
            return not(exists(told.select('presence.worker')));
          }),
      )
      .returning(({ selectFrom, fn }) => [
        'epoch',
        selectFrom('session').select('worker').whereRef('session.id', '=', 'turn.session_id').as('worker'),
        fn
          .coalesce(selectFrom('stream').select('last_seq').where('stream', '=', value('stream')), sql.lit(0))
          .as('lastSeq'),
      ]),
  );
}
