import type { Database, Tx } from '../database.ts';
import { createNextAppender } from '../events/append-next.ts';
import type { LoggedEvents, NewSessionEvent } from './store.ts';

/** The log of a session is fenced by the session's own row, so all its appends have one epoch. */
const LOG_EPOCH = 0;

/**
 * All that happens in the sessions of one caller, in one order: each event of this stream names a range of a session's log. So a
 * reader of everything needs one cursor, however many sessions there are.
 */
export const feedOf = (caller: string): string => `feed:${caller}`;

export const streamOf = (sessionId: string): string => `session:${sessionId}`;

/** Adds to the log of a session, and to the feed of its caller, within a transaction; answers what readers will find there. */
export function createLogWriter(db: Database) {
  const append = createNextAppender(db);
  const add = async (tx: Tx, stream: string, events: readonly NewSessionEvent[]) => {
    const added = await append({ stream, epoch: LOG_EPOCH, events }, tx);
    if (added === undefined) throw new Error(`the stream ${stream} is fenced, which no session and no feed is`);
    const { last, time } = added;
    const first = last - events.length + 1;
    return events.map((event, at) => ({ ...event, stream, seq: first + at, epoch: LOG_EPOCH, time }));
  };
  return async (
    tx: Tx,
    { id, caller, events }: { id: string; caller: string; events: readonly NewSessionEvent[] },
  ): Promise<LoggedEvents> => {
    const added = await add(tx, streamOf(id), events);
    const body = { session_id: id, first: added.at(0)?.seq ?? 0, last: added.at(-1)?.seq ?? 0 };
    return { events: added, ranges: await add(tx, feedOf(caller), [{ type: 'range', body }]) };
  };
}
