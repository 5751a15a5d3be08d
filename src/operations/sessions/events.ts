import { z } from 'zod';
import type { PollPosition } from '../../store/events/store.ts';
import { defineOperation } from '../define.ts';
import { fleetFilters } from '../fleet/events.ts';
import type { OperationContext } from '../operation.ts';
import { type EventSource, eventSource, type SourceEvent } from './event-source.ts';
import { sessionId } from './inputs.ts';
import { eventsOutput } from './outputs.ts';
import { eventsText } from './texts.ts';

const MAX_WAIT_MS = 30_000;
/** Where only some types are wanted, so many events are looked at in one go. */
const LOOK = 1_000;
/** Names that the earlier system's documents gave to several types. */
const TYPE_ALIASES: Readonly<Record<string, readonly string[]>> = {
  'message.updated': ['message.part.updated', 'message.part.completed'],
  'channel.permission_request': ['permission_request'],
  'channel.permission_resolved': ['permission_resolved'],
  task_completion: ['task_completed'],
  task_failure: ['task_failed'],
};

/** Types of events as callers name them; undefined: all. */
export const typesOf = (names: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  names && new Set(names.flatMap(name => TYPE_ALIASES[name] ?? [name]));

export const pollEvents = defineOperation({
  name: 'poll_events',
  toolset: 'sessions',
  title: 'Poll events',
  description: 'Wait for events. Pass the last cursor as after.',
  input: z.strictObject({
    session_id: sessionId.optional(),
    stream: z.string().max(256).optional().meta({
      brief: 'session:*, task:ID, workspace:ID, fleet',
      description: 'session:* (all), task:ID, workspace:ID or fleet',
    }),
    after: z.string().max(1024).optional().describe('cursor of an earlier answer'),
    timeout_ms: z
      .number()
      .refine(Number.isInteger, 'must be a whole number')
      .default(5_000)
      .transform(ms => Math.min(MAX_WAIT_MS, Math.max(0, ms)))
      .describe('longest wait, 0 to 30,000'),
    max_events: z.int().min(1).max(1000).default(200).describe('most events to return'),
    types: z.array(z.string().max(64)).max(32).optional().describe('only these types'),
    ...fleetFilters,
  }),
  argumentAliases: { event_types: 'types' },
  output: eventsOutput,
  hints: { readOnly: true, destructive: false, idempotent: false, openWorld: false },
  scope: 'any:read',
  core: true,
  also: ['fleet'],
  cli: {
    words: ['sessions', 'events'],
    follows: true,
    examples: ['boxswain sessions events --session-id SESSION_ID', 'boxswain sessions events --follow --json'],
  },
  text: eventsText,
  async run({ after, timeout_ms, max_events, types, ...asked }, context) {
    const wanted = typesOf(types);
    const source = await eventSource(asked, context);
    const memory = memoryOf(context, { name: source.name, types: wanted });
    const start = await source.kept(await startOf(source, { after, memory }));
    const page = await firstPage(source, {
      start,
      wanted,
      most: max_events,
      until: performance.now() + timeout_ms,
      signal: context.signal,
    });
    await memory?.keep(page.position, { isForward: after === undefined });
    return {
      events: page.events.map(({ event }) => source.view(event)),
      cursor: source.cursorAt(page.position),
      hasMore: page.hasMore,
      gap: start.hasGap || page.hasGap,
    };
  },
});

/** What the connection remembers of its polls with the same filters. */
interface Memory {
  recall(): Promise<PollPosition | { readonly since: number } | undefined>;
  keep(position: PollPosition, options: { isForward: boolean }): Promise<void>;
}

/** Undefined for requests that belong to no connection. */
function memoryOf(
  { hub, connection }: OperationContext,
  { name, types = new Set() }: { name: string; types: ReadonlySet<string> | undefined },
): Memory | undefined {
  if (connection === undefined) return undefined;
  const { polls } = hub.sessions;
  const filters = JSON.stringify([name, ...[...types].sort()]);
  return {
    recall: () => polls.get(connection.id, filters),
    keep: (position, { isForward }) => polls.set(connection.id, { filters, isForward, ...position }),
  };
}

async function startOf(
  source: EventSource,
  { after, memory }: { after: string | undefined; memory: Memory | undefined },
): Promise<PollPosition> {
  if (after !== undefined) return source.placeOf(after);
  const known = await memory?.recall();
  if (known === undefined) return await source.beginning();
  return 'since' in known ? await source.beginning(known.since) : known;
}

interface Wanted {
  readonly start: PollPosition;
  readonly wanted: ReadonlySet<string> | undefined;
  readonly most: number;
  /** On the clock of `performance`. */
  readonly until: number;
  readonly signal: AbortSignal;
}

interface Polled {
  readonly events: SourceEvent[];
  readonly position: PollPosition;
  readonly hasMore: boolean;
  readonly hasGap: boolean;
}

/** The first events of the wanted types, or none when the time is over and there is nothing more. */
async function firstPage(source: EventSource, { start, wanted, most, until, signal }: Wanted): Promise<Polled> {
  let after = start;
  let hasGap = false;
  const { isShown = () => true } = source;
  const fits = ({ event }: SourceEvent) => (wanted === undefined || wanted.has(event.type)) && isShown(event);
  const isChoosy = wanted !== undefined || source.isShown !== undefined;
  while (true) {
    const waitMs = Math.max(0, until - performance.now());
    const page = await source.read(after, { limit: isChoosy ? LOOK : most, waitMs, signal });
    after = page.position;
    hasGap ||= page.hasGap;
    const events = isChoosy ? page.events.filter(fits) : page.events;
    const taken = events.slice(0, most);
    const last = taken.at(-1);
    if (last !== undefined && taken.length < events.length)
      return { events: taken, position: source.placeOf(last.cursor), hasMore: true, hasGap };
    if (taken.length > 0 || (!page.hasMore && performance.now() >= until)) return { ...page, events: taken, hasGap };
  }
}
