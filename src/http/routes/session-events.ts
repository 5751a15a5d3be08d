import { z } from 'zod';
import { asReader } from '../../auth/caller.ts';
import { defineOperation } from '../../operations/define.ts';
import { fleetFilters } from '../../operations/fleet/events.ts';
import { type EventSource, eventSource } from '../../operations/sessions/event-source.ts';
import { typesOf } from '../../operations/sessions/events.ts';
import { sessionId } from '../../operations/sessions/inputs.ts';
import type { PollPosition } from '../../store/events/store.ts';
import { frameStream } from '../event-stream.ts';
import { type Api, type ApiParts, run } from './context.ts';

const PAGE = 200;
const WAIT_MS = 30_000;

const input = z.strictObject({
  session_id: sessionId.optional(),
  stream: z.string().max(256).optional(),
  /** By comma, as `types`; both of stream fleet only. */
  agent_ids: z
    .string()
    .max(8192)
    .transform(text => text.split(','))
    .optional(),
  severity_min: fleetFilters.severity_min,
  /** A cursor of any answer; the header `Last-Event-ID` wins. */
  after: z.string().max(1024).optional(),
  /** By comma. */
  types: z.string().max(2048).optional(),
});

/** Whether the caller may read the stream is decided like every call; what is read then goes past operations. */
const sessionEvents = defineOperation({
  name: 'session_events',
  toolset: 'sessions',
  title: 'Follow the events of sessions',
  description: 'Server-sent events of one session, or of all.',
  input,
  output: z.looseObject({}),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'any:read',
  cli: { words: [], examples: [] },
  async run({ after, types: _types, ...asked }, context) {
    const source = await eventSource(asked, context);
    if (after !== undefined) source.placeOf(after);
    return {};
  },
});

/**
 * What happens in sessions from now on, or after a cursor: data only, `id` being the cursor, so whoever comes back with it, also to
 * another hub, goes on where it was.
 */
export function addSessionEventRoutes(api: Api, parts: ApiParts): void {
  if (!parts.operations.some(({ name }) => name === 'poll_events')) return;
  api.get('/api/events', async context => {
    const asked = context.req.query();
    const last = context.req.header('last-event-id');
    const args = last === undefined ? asked : { ...asked, after: last };
    await run(parts, sessionEvents, { context, args });
    const { after, types, ...where } = input.parse(args);
    const source = await eventSource(where, { hub: parts.hub, caller: asReader(context.env.caller) });
    const start = await source.kept(after === undefined ? await source.end() : source.placeOf(after));
    const wanted = typesOf(types?.split(','));
    const signal = AbortSignal.any([context.req.raw.signal, parts.closing]);
    return frameStream(frames(source, { start, wanted, signal }), {
      outgoing: context.env.outgoing,
      signal,
      log: parts.log,
    });
  });
}

interface Followed {
  readonly start: PollPosition & { readonly hasGap: boolean };
  readonly wanted: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal;
}

async function* frames(source: EventSource, { start, wanted, signal }: Followed): AsyncGenerator<string> {
  // With the cursor, so that whoever loses the connection before anything happened has one too.
  yield frame(source.cursorAt(start), { type: 'server.connected', gap: start.hasGap });
  let after: PollPosition = start;
  while (!signal.aborted) {
    const page = await source.read(after, { limit: PAGE, waitMs: WAIT_MS, signal });
    after = page.position;
    const shown = page.events.filter(
      ({ event }) => (wanted === undefined || wanted.has(event.type)) && (source.isShown?.(event) ?? true),
    );
    // What was read together is written together: each write is a journey to the system, and wakes whoever reads.
    if (shown.length > 0) yield shown.map(({ event, cursor }) => frame(cursor, source.view(event))).join('');
  }
}

const frame = (cursor: string, data: object): string => `id: ${cursor}\ndata: ${JSON.stringify(data)}\n\n`;
