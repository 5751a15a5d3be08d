import type { EventRecord, JsonObject } from '../../store/rows.ts';
import type { PollPosition } from '../../store/events/store.ts';
import { badArgument } from '../arguments.ts';
import { type FleetFilters, fleetReader, refuseFilters } from '../fleet/events.ts';
import { viewFleetEvent } from '../fleet/views.ts';
import type { OperationContext } from '../operation.ts';
import { requireTaskScope } from '../scopes.ts';
import { type EventCursor, readCursor, writeCursor } from './cursors.ts';
import { viewEvent } from './views.ts';

/** Without a cursor and a memory: so many of the newest. */
const NEWEST = 50;
const EVERYTHING = 'session:*';
const FLEET = 'fleet';

/** An event with the cursor of whoever has read it. */
export interface SourceEvent {
  readonly event: EventRecord;
  readonly cursor: string;
}

interface SourcePage {
  readonly events: SourceEvent[];
  readonly position: PollPosition;
  readonly hasMore: boolean;
  readonly hasGap: boolean;
}

/** Something that events come from: one stream, or all sessions of the caller. */
export interface EventSource {
  /** With all that chooses among its events. */
  readonly name: string;
  /** Which of its events are for this reader; absent: all. */
  readonly isShown?: (event: EventRecord) => boolean;
  /** An event as callers see it. */
  view(event: EventRecord): JsonObject;
  cursorAt(position: PollPosition): string;
  /** The place after which a cursor of this source says to go on. Throws VALIDATION_ERROR for any other text. */
  placeOf(cursor: string): PollPosition;
  /** Where a reader without a cursor begins; `since`: one that is there since then, epoch milliseconds. */
  beginning(since?: number): Promise<PollPosition>;
  /** After all that there is. */
  end(): Promise<PollPosition>;
  /** The position, or that of the oldest event that is kept. */
  kept(position: PollPosition): Promise<PollPosition & { readonly hasGap: boolean }>;
  /** Waits for something, up to `waitMs`. */
  read(after: PollPosition, options: { limit: number; waitMs: number; signal?: AbortSignal }): Promise<SourcePage>;
}

interface Asked extends FleetFilters {
  readonly session_id?: string;
  readonly stream?: string;
}

/** Throws when the caller may not read it, or there is no such thing. */
export async function eventSource(
  { session_id, stream, ...filters }: Asked,
  context: Pick<OperationContext, 'hub' | 'caller'>,
): Promise<EventSource> {
  if (session_id !== undefined && stream !== undefined && stream !== `session:${session_id}`)
    throw badArgument('stream', 'does not go with session_id', 'leave one of them out');
  const name = session_id === undefined ? (stream ?? EVERYTHING) : `session:${session_id}`;
  if (name === FLEET) {
    const source = oneStream({ name, kind: FLEET, id: '' }, context);
    const isShown = fleetReader(filters, context);
    return {
      ...source,
      name: JSON.stringify([name, filters]),
      isShown,
      view: viewFleetEvent,
      async read(after, options) {
        await context.hub.fleet.read();
        return await source.read(after, options);
      },
    };
  }
  refuseFilters(filters);
  if (name === EVERYTHING) return allSessions(context);
  const { isShared, ...one } = await readable(name, context);
  const source = oneStream(one, context);
  return isShared ? whileShared(source, () => readable(name, context)) : source;
}

function allSessions({ hub, caller }: Pick<OperationContext, 'hub' | 'caller'>): EventSource {
  requireTaskScope('sessions', 'read', caller);
  const { feed, positions } = hub.sessions;
  const stream = feed.streamOf(caller.id);
  const cursorAt = ({ seq: f, offset: o }: PollPosition) => writeCursor({ f, o });
  return {
    name: EVERYTHING,
    view: viewEvent,
    cursorAt,
    placeOf(text) {
      const cursor = readCursor(text);
      if (!('f' in cursor)) throw foreignCursor();
      return { seq: cursor.f, offset: cursor.o };
    },
    beginning: since =>
      since === undefined ? positions.newestOfAll(caller.id, NEWEST) : positions.since(stream, since),
    end: () => positions.newest(stream, 0),
    kept: position => positions.kept(stream, position),
    async read(after, options) {
      const page = await feed.read(caller.id, { after, ...options });
      return { ...page, events: page.events.map(({ event, position }) => ({ event, cursor: cursorAt(position) })) };
    },
  };
}

interface Stream {
  readonly name: string;
  readonly kind: string;
  readonly id: string;
}

/** What was read after the share had ended is not shown: whoever waits for events may wait for long. */
function whileShared(source: EventSource, look: () => Promise<unknown>): EventSource {
  return {
    ...source,
    async read(after, options) {
      const page = await source.read(after, options);
      await look();
      return page;
    },
  };
}

function oneStream({ name, kind, id }: Stream, { hub }: Pick<OperationContext, 'hub'>): EventSource {
  const { positions } = hub.sessions;
  const cursorAt = ({ seq: s }: PollPosition) => writeCursor({ t: name, s });
  return {
    name,
    view: viewEvent,
    cursorAt,
    placeOf(text) {
      const cursor: EventCursor = readCursor(text);
      if (!('t' in cursor) || cursor.t !== name) throw foreignCursor();
      return { seq: cursor.s, offset: 0 };
    },
    async beginning(since) {
      if (kind === 'session') return { seq: await positions.latestTurn(id), offset: 0 };
      // A task is to its stream what a turn is to a session.
      if (kind === 'task') return { seq: 0, offset: 0 };
      return since === undefined ? await positions.newest(name, NEWEST) : await positions.since(name, since);
    },
    end: () => positions.newest(name, 0),
    kept: position => positions.kept(name, position),
    async read({ seq: after }, options) {
      const events = await hub.events.read(name, { after, ...options });
      const seq = events.at(-1)?.seq ?? after;
      return {
        events: events.map(event => ({ event, cursor: cursorAt({ seq: event.seq, offset: 0 }) })),
        position: { seq, offset: 0 },
        hasMore: events.length === options.limit,
        hasGap: events[0] !== undefined && events[0].seq > after + 1,
      };
    },
  };
}

/** A stream is read by whoever may read what it tells of. A session may be named by its agent's own id. */
async function readable(
  name: string,
  { hub, caller }: Pick<OperationContext, 'hub' | 'caller'>,
): Promise<Stream & { readonly isShared: boolean }> {
  const at = name.indexOf(':');
  const [kind, id] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
  if (kind === 'session') {
    requireTaskScope('sessions', 'read', caller);
    const session = await hub.sessions.desk.find(id, caller);
    // What a terminal says in it is told from now on, beginning with its newest turn.
    await hub.sessions.mirror.begin(session);
    return { name: `session:${session.id}`, kind, id: session.id, isShared: session.caller !== caller.id };
  }
  if (kind === 'task') {
    const task = await hub.tasks.get(id, caller);
    requireTaskScope(task.toolset, 'read', caller);
    return { name, kind, id, isShared: task.caller !== caller.id };
  }
  if (kind === 'workspace') {
    requireTaskScope('sandbox', 'read', caller);
    const { record } = await hub.workspaces.get(id, caller);
    return { name, kind, id, isShared: record.caller !== caller.id };
  }
  throw badArgument(
    'stream',
    `must be session:*, session:ID, task:ID, workspace:ID or fleet, got ${name}`,
    'leave it out for all sessions',
  );
}

const foreignCursor = () =>
  badArgument('after', 'is a cursor of another stream', 'use the cursor of an answer for the same stream');
