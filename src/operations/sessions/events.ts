import { z } from 'zod';
import type { EventRecord } from '../../store/rows.ts';
import { badArgument } from '../arguments.ts';
import { defineOperation } from '../define.ts';
import type { OperationContext } from '../operation.ts';
import { requireTaskScope } from '../scopes.ts';
import { type EventCursor, readCursor, writeCursor } from './cursors.ts';
import { sessionId } from './inputs.ts';
import { eventsOutput } from './outputs.ts';
import { viewEvent } from './views.ts';

const MAX_WAIT_MS = 30_000;
/** Events without a cursor: the newest of all sessions. */
const NEWEST = 50;
/** How far back the beginning of the latest turn is looked for. */
const LOOK_BACK = 2_000;
/** Names that the earlier system's documents gave to several types. */
const TYPE_ALIASES: Readonly<Record<string, readonly string[]>> = {
  'message.updated': ['message.part.updated', 'message.part.completed'],
  'channel.permission_request': ['permission_request'],
  'channel.permission_resolved': ['permission_resolved'],
};

export const pollEvents = defineOperation({
  name: 'poll_events',
  toolset: 'sessions',
  title: 'Poll events',
  description: 'Wait for what happens in sessions. Pass the last cursor as after.',
  input: z.strictObject({
    session_id: sessionId.optional(),
    stream: z
      .string()
      .max(256)
      .optional()
      .meta({ brief: 'session:*, task:ID, workspace:ID', description: 'session:* (all), task:ID or workspace:ID' }),
    after: z.string().max(1024).optional().describe('cursor of an earlier answer'),
    timeout_ms: z
      .number()
      .default(5_000)
      .transform(ms => Math.min(MAX_WAIT_MS, Math.max(0, ms)))
      .describe('longest wait, 0 to 30,000'),
    max_events: z.int().min(1).max(1000).default(200).describe('most events to return'),
    types: z.array(z.string().max(64)).max(32).optional().describe('only these types'),
  }),
  output: eventsOutput,
  hints: { readOnly: true, destructive: false, idempotent: false, openWorld: false },
  scope: 'sessions:read',
  core: true,
  cli: { words: ['sessions', 'events'], examples: ['boxswain sessions events --session-id SESSION_ID'] },
  async run({ session_id, stream, after, timeout_ms, max_events, types }, context) {
    const wanted = types && new Set(types.flatMap(type => TYPE_ALIASES[type] ?? [type]));
    const source = await sourceOf({ session_id, stream, after }, context);
    const deadline = performance.now() + timeout_ms;
    let cursor = source.start;
    let gap = false;
    while (true) {
      const waitMs = Math.max(0, deadline - performance.now());
      const page = await source.read(cursor, { limit: max_events, waitMs });
      cursor = page.cursor;
      gap ||= page.gap;
      const events = wanted ? page.events.filter(({ type }) => wanted.has(type)) : page.events;
      if (events.length === 0 && performance.now() < deadline) continue;
      return { events: events.map(viewEvent), cursor: writeCursor(cursor), hasMore: page.hasMore, gap };
    }
  },
});

interface Read {
  readonly events: readonly EventRecord[];
  readonly cursor: EventCursor;
  readonly hasMore: boolean;
  readonly gap: boolean;
}

interface Source {
  readonly start: EventCursor;
  read(cursor: EventCursor, options: { limit: number; waitMs: number }): Promise<Read>;
}

interface Asked {
  readonly session_id: string | undefined;
  readonly stream: string | undefined;
  readonly after: string | undefined;
}

async function sourceOf({ session_id, stream, after }: Asked, context: OperationContext): Promise<Source> {
  if (session_id !== undefined && stream !== undefined && stream !== `session:${session_id}`)
    throw badArgument('stream', 'does not go with session_id', 'leave one of them out');
  const name = session_id === undefined ? (stream ?? 'session:*') : `session:${session_id}`;
  const given = after === undefined ? undefined : readCursor(after);
  return name === 'session:*' ? await feed(given, context) : await single(name, given, context);
}

async function feed(given: EventCursor | undefined, { hub, caller, signal }: OperationContext): Promise<Source> {
  if (given !== undefined && !('f' in given)) throw foreignCursor();
  const newest = given === undefined ? await hub.sessions.feed.newest(caller.id, NEWEST) : undefined;
  return {
    start: given ?? { f: newest?.seq ?? 0, o: 0 },
    async read(cursor, { limit, waitMs }) {
      if (!('f' in cursor)) throw foreignCursor();
      const position = { seq: cursor.f, offset: cursor.o };
      const page = await hub.sessions.feed.read(caller.id, { after: position, limit, waitMs, signal });
      const { seq: f, offset: o } = page.position;
      return { events: page.events, cursor: { f, o }, hasMore: page.hasMore, gap: page.hasGap };
    },
  };
}

async function single(stream: string, given: EventCursor | undefined, context: OperationContext): Promise<Source> {
  const { hub, signal } = context;
  await requireStream(stream, context);
  if (given !== undefined && !('t' in given && given.t === stream)) throw foreignCursor();
  return {
    start: given ?? { t: stream, s: await latestTurn(stream, context) },
    async read(cursor, { limit, waitMs }) {
      if (!('t' in cursor)) throw foreignCursor();
      const events = await hub.events.read(stream, { after: cursor.s, limit, waitMs, signal });
      const s = events.at(-1)?.seq ?? cursor.s;
      const [first] = events;
      const gap = first !== undefined && first.seq > cursor.s + 1;
      return { events, cursor: { t: stream, s }, hasMore: events.length === limit, gap };
    },
  };
}

/** A stream is read by whoever may read what it tells of. */
async function requireStream(stream: string, { hub, caller }: OperationContext): Promise<void> {
  const [kind = '', id = ''] = splitOnce(stream);
  if (kind === 'session') {
    await hub.sessions.desk.find(id, caller);
  } else if (kind === 'task') {
    requireTaskScope((await hub.tasks.get(id, caller)).toolset, 'read', caller);
  } else if (kind === 'workspace') {
    requireTaskScope('sandbox', 'read', caller);
    await hub.workspaces.get(id, caller);
  } else {
    throw badArgument(
      'stream',
      `must be session:*, session:ID, task:ID or workspace:ID, got ${stream}`,
      'leave it out for all sessions',
    );
  }
}

/** The position just before the latest turn: after the end of the one before it. */
async function latestTurn(stream: string, { hub }: OperationContext): Promise<number> {
  if (!stream.startsWith('session:')) return 0;
  const last = await hub.sessions.feed.lastOf(stream);
  const from = Math.max(0, last - LOOK_BACK);
  const events = await hub.events.read(stream, { after: from, limit: LOOK_BACK, waitMs: 0 });
  const ends = events.filter(({ type }) => type === 'session.idle').map(({ seq }) => seq);
  const isOver = ends.at(-1) === last || events.slice(-3).some(({ type }) => type === 'session.idle');
  return ends.at(isOver ? -2 : -1) ?? from;
}

const splitOnce = (text: string): [string, string] => {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
};

const foreignCursor = () =>
  badArgument('after', 'is a cursor of another stream', 'use the cursor of an answer for the same stream');
