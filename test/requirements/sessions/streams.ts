import assert from 'node:assert/strict';
import { join } from 'node:path';
import { z } from 'zod';
import { listOf, until } from './tools.ts';
import type { Grounds } from './grounds.ts';
import { operationsCaller, type SessionSubject, type SessionVerifier } from './verify.ts';

const eventSchema = z.looseObject({ stream: z.string(), seq: z.number(), type: z.string() });
type Event = z.output<typeof eventSchema>;

/** All events of a stream after a cursor, until one of them is what is waited for. */
async function eventsUntil(
  { ok }: Pick<SessionSubject, 'ok'>,
  { args, isLast }: { args: Record<string, unknown>; isLast: (event: Event) => boolean },
): Promise<{ events: Event[]; cursor: unknown }> {
  const page = await until(
    { ok },
    {
      tool: 'poll_events',
      args: { timeout_ms: 2000, max_events: 1000, ...args },
      isIt: output => z.array(eventSchema).parse(output.events).some(isLast),
    },
  );
  return { events: z.array(eventSchema).parse(page.events), cursor: page.cursor };
}

const session = z.looseObject({ id: z.string() });
const part = z.looseObject({ id: z.string(), messageId: z.string(), type: z.string() });
const task = { partId: z.string(), toolUseId: z.string(), subagentType: z.string(), description: z.string() };
const ofPart = { messageId: z.string(), partId: z.string() };

/** The fields of each type, as the contract names them. */
const fields: Readonly<Record<string, z.ZodType>> = {
  'session.created': z.looseObject({ session }),
  'session.updated': z.looseObject({ session }),
  'session.idle': z.looseObject({ turnId: z.string(), result: z.looseObject({ outcome: z.string() }) }),
  'session.error': z.looseObject({ error: z.string(), code: z.string() }),
  'message.created': z.looseObject({ message: z.looseObject({ id: z.string(), role: z.string() }) }),
  'message.part.updated': z.looseObject({ messageId: z.string(), part }),
  'message.part.delta': z.looseObject({ ...ofPart, delta: z.string() }),
  'message.part.completed': z.looseObject(ofPart),
  permission_request: z.looseObject({ request: z.looseObject({ requestId: z.string(), toolName: z.string() }) }),
  permission_resolved: z.looseObject({ requestId: z.string(), state: z.string(), by: z.string() }),
  'task.started': z.looseObject(task),
  'task.finished': z.looseObject({ ...task, state: z.string() }),
  'prompt.queued': z.looseObject({ turnId: z.string() }),
};

/** Frames of `GET /api/events` until the connection is given up. */
async function* framesAt(
  url: string,
  headers: Record<string, string> = {},
): AsyncGenerator<{ id: string; data: Event }> {
  const stopped = new AbortController();
  const response = await fetch(url, { headers, signal: stopped.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  let text = '';
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) continue;
        const [, id = '', data = ''] = /^id: (.*)\ndata: (.*)$/.exec(block) ?? assert.fail(`no data alone: ${block}`);
        yield { id, data: JSON.parse(data) };
      }
    }
  } finally {
    stopped.abort();
  }
}

export function declareStreams({ overTwo, overRecords, once }: SessionVerifier, grounds: () => Grounds): void {
  once('http.events', async ({ url }) => {
    const { ok } = operationsCaller(url);
    const made = await ok('create_session', { agent: 'scripted', cwd: join(grounds().projects, 'shop') });
    const session_id = String(made.sessionId);
    const at = `${url}/api/events?session_id=${session_id}`;
    const seen: { id: string; data: Event }[] = [];
    for await (const frame of framesAt(at)) {
      if (seen.length === 0) await ok('rename_session', { session_id, title: 'Told' });
      seen.push(frame);
      if (seen.length === 2) break;
    }
    assert.deepEqual(
      seen.map(({ data }) => data.type),
      ['server.connected', 'session.updated'],
    );
    const [connected, renamed] = seen;
    const { events } = await ok('poll_events', { session_id, after: connected?.id, timeout_ms: 0 });
    assert.deepEqual(events, [renamed?.data], 'the id is a cursor');
    await ok('rename_session', { session_id, title: 'Told again' });
    for await (const { data } of framesAt(at, { 'last-event-id': String(renamed?.id) })) {
      if (data.type === 'server.connected') continue;
      assert.deepEqual([data.type, data.seq], ['session.updated', (renamed?.data.seq ?? 0) + 1]);
      break;
    }
    await ok('dispose_session', { session_id });
  });

  overTwo('events.fields', async subject => {
    const { create, ok } = subject;
    const made = await ok('create_session', { agent: 'scripted', cwd: subject.project });
    const session_id = String(made.sessionId);
    const words = '#think a\n#say b c d\n#subagent helper Look around\n#ask Write {}';
    await ok('send_prompt', { session_id, text: words });
    const failing = await ok('send_prompt', { session_id, text: '#fail on purpose' });
    const { permissions } = await until(subject, {
      tool: 'list_permissions',
      args: { session_id },
      isIt: output => listOf(output.permissions).length === 1,
    });
    const request_id = Object(listOf(permissions)[0]).requestId;
    await ok('respond_permission', { session_id, request_id, behavior: 'deny' });
    const { events } = await eventsUntil(subject, {
      args: { session_id, after: made.cursor },
      isLast: ({ type, turnId }) => type === 'session.idle' && turnId === failing.turnId,
    });
    assert.deepEqual([events[0]?.type, events[0]?.seq], ['session.created', 1]);
    for (const event of events) {
      const schema = fields[event.type] ?? assert.fail(`there is no type ${event.type}`);
      schema.parse(event);
    }
    const told = new Set(events.map(({ type }) => type));
    const untold = Object.keys(fields).filter(type => !told.has(type));
    assert.deepEqual(untold, []);
    await create();
    await ok('dispose_session', { session_id });
  });

  overTwo('events.waits', async ({ resting, ok }) => {
    const session_id = await resting();
    const { cursor: after } = await ok('poll_events', { session_id, timeout_ms: 0 });
    const none = await ok('poll_events', { session_id, after, timeout_ms: 1 });
    assert.deepEqual([none.events, none.hasMore], [[], false]);
    const waiting = ok('poll_events', { session_id, after: none.cursor, timeout_ms: 30_000, types: ['session.idle'] });
    const { turnId } = await ok('send_prompt', { session_id, text: '#say awaited' });
    const [event, ...others] = listOf((await waiting).events).map(one => Object(one));
    assert.deepEqual([event.type, event.turnId, others], ['session.idle', turnId, []]);
  });

  overRecords('events.task', async ({ ok, fails, another }) => {
    const { workspace_id } = await ok('workspace_create', { limits: { allow_soft: true } });
    const run = await ok('run_command', { workspace_id, command: 'echo heard', wait_seconds: 0 });
    const stream = `task:${String(run.task_id)}`;
    await ok('task_get_result', { task_id: run.task_id, wait_seconds: 30 });
    const read = await ok('poll_events', { stream, timeout_ms: 5000 });
    const events = z.array(eventSchema).parse(read.events);
    assert.deepEqual(
      events.map(({ stream: name, seq }) => [name, seq]),
      events.map((_, at) => [stream, at + 1]),
      'read from its beginning',
    );
    assert.equal(events.at(-1)?.type, 'task.ended');
    const peer = await another();
    const one = await peer.ok('poll_events', { stream, max_events: 1, timeout_ms: 0 });
    assert.deepEqual([one.events, one.hasMore], [listOf(read.events).slice(0, 1), true]);
    const rest = await ok('poll_events', { stream, after: one.cursor, timeout_ms: 0 });
    assert.deepEqual(rest.events, listOf(read.events).slice(1));
    const other = `workspace:${String(workspace_id)}`;
    assert.equal((await fails('poll_events', { stream: other, after: read.cursor })).code, 'VALIDATION_ERROR');
    await ok('workspace_delete', { workspace_id });
  });

  overTwo('events.workspace', async subject => {
    const { ok } = subject;
    const { workspace_id } = await ok('workspace_create', { limits: { allow_soft: true } });
    const stream = `workspace:${String(workspace_id)}`;
    const { cursor: after } = await ok('poll_events', { stream, timeout_ms: 0 });
    const { checkpoint_id } = await ok('workspace_checkpoint', { workspace_id });
    const { events } = await eventsUntil(subject, {
      args: { stream, after },
      isLast: event => event.checkpoint_id === checkpoint_id,
    });
    const created = events.find(event => event.checkpoint_id === checkpoint_id);
    assert.deepEqual([created?.stream, created?.type], [stream, 'checkpoint.created']);
    await ok('workspace_delete', { workspace_id });
  });
}

/** Waits for the hub to look. */
export function declareFleetEvents({ overTwo }: SessionVerifier): void {
  overTwo('events.fleet', async subject => {
    const { create, ok, fails } = subject;
    const stream = 'fleet';
    const { cursor } = await ok('poll_events', { stream, timeout_ms: 0 });
    const connected = { stream, after: cursor, types: ['agent_connected'], timeout_ms: 5000 };
    let [one, told] = ['', 0];
    // What is there at the first look of all is not told of.
    for (let looks = 0; told === 0 && looks < 4; looks += 1) {
      one = await create();
      told = listOf((await ok('poll_events', { ...connected, agent_ids: [one] })).events).length;
    }
    const other = await create();
    const both = { ...connected, agent_ids: [one, other] };
    const isOf = (id: string) => (event: Event) => event.agentId === id;
    const { events } = await eventsUntil(subject, { args: both, isLast: isOf(other) });
    assert.deepEqual(
      events.map(({ agentId, provider, severity }) => [agentId, provider, severity]),
      [one, other].map(id => [id, 'local', 'info']),
    );
    await ok('send_prompt', { session_id: one, text: '#crash' });
    const severe = { stream, after: cursor, agent_ids: [one], severity_min: 'warning' };
    const failed = await eventsUntil(subject, { args: severe, isLast: isOf(one) });
    assert.ok(failed.events.every(({ severity }) => severity !== 'info'));
    assert.ok(failed.events.every(({ agentId }) => agentId === one));
    for (const wrong of [{ agent_ids: [one] }, { severity_min: 'warning' }, { stream, severity_min: 'dire' }])
      assert.equal((await fails('poll_events', wrong)).code, 'VALIDATION_ERROR');
  });
}
