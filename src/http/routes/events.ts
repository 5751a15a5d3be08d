import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../../operations/define.ts';
import type { Operation } from '../../operations/operation.ts';
import { eventStream } from '../event-stream.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

const shared = {
  toolset: 'sandbox',
  output: z.looseObject({}),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  cli: { words: [], examples: [] },
} as const;

/** Whether the caller may read the stream is decided like every call; what is read then goes past operations. */
const workspaceEvents = defineOperation({
  ...shared,
  name: 'workspace_events',
  title: 'Follow the events of a workspace',
  description: 'Server-sent events of a workspace.',
  scope: 'sandbox:read',
  input: z.strictObject({ workspace_id: z.string() }),
  async run({ workspace_id }, context) {
    const where = { mayCreate: false, tool: 'workspace_events' };
    const { caller: owner } = await context.hub.workspaces.resolve(workspace_id, context, where);
    return { isShared: owner !== context.caller.id };
  },
});

const taskEvents = defineOperation({
  ...shared,
  name: 'task_events',
  title: 'Follow the events of a task',
  description: 'Server-sent events of a task.',
  scope: 'any:read',
  input: z.strictObject({ task_id: z.string() }),
  async run({ task_id }, { hub, caller }) {
    const { caller: owner } = await hub.tasks.get(task_id, caller);
    return { isShared: owner !== caller.id };
  },
});

/** Streams of events, `id` being `seq`: who comes back with `Last-Event-ID` misses nothing. */
export function addEventRoutes(api: Api, parts: ApiParts): void {
  const follow = async (
    context: ApiContext,
    { stream, operation, args }: { stream: string; operation: Operation; args: Record<string, unknown> },
  ): Promise<Response> => {
    const look = async () => (await run(parts, operation, { context, args })).output.isShared === true;
    const isShared = await look();
    const signal = AbortSignal.any([context.req.raw.signal, parts.closing]);
    const events = parts.hub.events.follow(stream, { after: lastEventId(context), signal });
    const { outgoing } = context.env;
    return eventStream(isShared ? whileShared(events, look) : events, { outgoing, signal, log: parts.log });
  };
  api.get('/api/workspaces/:id/events', async context => {
    const id = context.req.param('id');
    return await follow(context, { stream: `workspace:${id}`, operation: workspaceEvents, args: { workspace_id: id } });
  });
  api.get('/api/tasks/:id/events', async context => {
    const id = context.req.param('id');
    return await follow(context, { stream: `task:${id}`, operation: taskEvents, args: { task_id: id } });
  });
}

/** Ends with the share: what happens after that is not told. */
async function* whileShared<Event>(events: AsyncIterable<Event>, look: () => Promise<unknown>): AsyncGenerator<Event> {
  for await (const event of events) {
    try {
      await look();
    } catch (error) {
      if (error instanceof AppError) return;
      throw error;
    }
    yield event;
  }
}

function lastEventId(context: ApiContext): number {
  const text = context.req.header('last-event-id') ?? context.req.query('after') ?? '0';
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (seq === undefined)
    throw new AppError('VALIDATION_ERROR', 'Last-Event-ID must be the id of an event of this stream');
  return seq;
}
