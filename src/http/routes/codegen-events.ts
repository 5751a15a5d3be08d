import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { Hub } from '../../hub/hub.ts';
import { defineOperation } from '../../operations/define.ts';
import type { EventRecord } from '../../store/rows.ts';
import { frameStream } from '../event-stream.ts';
import { type Api, type ApiContext, type ApiParts, run } from './context.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE = 500;

/** The task as it is, and the number and kind of what was told of it last. */
const outputSchema = z.looseObject({ stream: z.string(), task: z.looseObject({}), seq: z.int(), type: z.string() });

/** Whether the caller may follow the task is decided like every call; what is read then goes past operations. */
const runEvents = defineOperation({
  name: 'codegen_events',
  toolset: 'codegen',
  title: 'Follow a Codegen run',
  description: 'Server-sent events of a task.',
  scope: 'codegen:read',
  input: z.strictObject({ task_id: z.string() }),
  output: outputSchema,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  cli: { words: [], examples: [] },
  async run({ task_id }, { hub, caller, signal }) {
    const stream = await hub.codegen.stream(task_id, caller);
    const last = (await allOf(hub, stream)).at(-1);
    // Read after what was told: what changes in between is told once more, and never left out.
    const task = await hub.codegen.reads.task(task_id, { waitSeconds: 0, caller, signal });
    return { stream, task, seq: last?.seq ?? 0, type: last?.type ?? 'task_update' };
  },
});

/** `GET /sse?task_id=`: the present state, every change of it, and the end, with which the stream is closed. */
export function addCodegenEventRoutes(api: Api, parts: ApiParts): void {
  api.get('/sse', async context => {
    const taskId = context.req.query('task_id') ?? '';
    if (!UUID.test(taskId)) {
      throw new AppError('VALIDATION_ERROR', 'task_id must be the UUID of a task', { hint: 'GET /sse?task_id=UUID' });
    }
    const args = { task_id: taskId.toLowerCase() };
    const { output } = await run(parts, runEvents, { context, args });
    const { stream, task, ...last } = outputSchema.parse(output);
    const after = lastEventId(context);
    if (after !== undefined && isFinal(last) && last.seq <= after) return context.body(null, 204);
    const signal = AbortSignal.any([context.req.raw.signal, parts.closing]);
    const first = after === undefined ? { ...last, body: task } : undefined;
    return frameStream(frames(parts, { stream, first, after: first?.seq ?? after ?? 0, signal }), {
      outgoing: context.env.outgoing,
      signal,
      log: parts.log,
      headers: { 'cache-control': 'no-cache' },
    });
  });
}

type Told = Pick<EventRecord, 'seq' | 'type'> & { readonly body: object };

async function* frames(
  parts: ApiParts,
  { stream, first, after, signal }: { stream: string; first: Told | undefined; after: number; signal: AbortSignal },
): AsyncGenerator<string> {
  if (first !== undefined) {
    yield frameOf(first);
    if (isFinal(first)) return;
  }
  for await (const event of parts.hub.events.follow(stream, { after, signal })) {
    yield frameOf(event);
    if (isFinal(event)) return;
  }
}

const isFinal = ({ type }: Pick<EventRecord, 'type'>): boolean => type !== 'task_update';

const frameOf = ({ seq, type, body }: Told): string => `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(body)}\n\n`;

/** A run changes a few times in its life. */
async function allOf(hub: Hub, stream: string): Promise<EventRecord[]> {
  const all: EventRecord[] = [];
  while (true) {
    const page = await hub.events.read(stream, { after: all.at(-1)?.seq ?? 0, limit: PAGE, waitMs: 0 });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

function lastEventId(context: ApiContext): number | undefined {
  const text = context.req.header('last-event-id');
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AppError('VALIDATION_ERROR', 'Last-Event-ID must be the id of an event of this stream');
}
