import assert from 'node:assert/strict';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { freshProject, listOf, messageSchema, textsOf, until, untilRunning } from './tools.ts';
import type { SessionSubject, SessionVerifier } from './verify.ts';

const eventSchema = z.looseObject({ type: z.string(), seq: z.number(), sessionId: z.string() });
type Event = z.output<typeof eventSchema>;

/** All events after a cursor, when one of them is of the given turn's end. */
async function turnOf(
  { ok }: SessionSubject,
  { sessionId, cursor, turnId }: Record<string, unknown>,
): Promise<Event[]> {
  const { events } = await until(
    { ok },
    {
      tool: 'poll_events',
      args: { session_id: sessionId, after: cursor, timeout_ms: 1000, max_events: 1000 },
      isIt: output => listOf(output.events).some(event => isEnd(event, turnId)),
    },
  );
  return z.array(eventSchema).parse(events);
}

const isEnd = (event: unknown, turnId: unknown): boolean =>
  Object(event).type === 'session.idle' && Object(event).turnId === turnId;
const statusesOf = (events: readonly Event[]): string[] =>
  events.flatMap(event => {
    const { status } = Object(event.session ?? {});
    return event.type === 'session.updated' && status !== undefined ? [String(status)] : [];
  });

export function declareRules({ overTwo }: SessionVerifier): void {
  overTwo('rule.ids', async ({ resting, ok, fails }) => {
    const id = await resting();
    assert.equal(Object((await ok('get_session', { session_id: id.toUpperCase() })).session).id, id);
    for (const session_id of ['../../x', 'x', `${id}x`, ''])
      assert.equal((await fails('get_session', { session_id })).code, 'VALIDATION_ERROR', session_id);
  });

  overTwo('rule.newest_first', async ({ create, ok }) => {
    const ids = [
      await create({ title: 'Order 1' }),
      await create({ title: 'Order 2' }),
      await create({ title: 'Order 3' }),
    ];
    await ok('rename_session', { session_id: ids[0], title: 'Order 4' });
    const { sessions } = await ok('list_sessions', { query: 'order ', limit: 3 });
    const listed = listOf(sessions).map(session => Object(session).id);
    assert.deepEqual(listed, [ids[0], ids[2], ids[1]]);
  });

  overTwo('rule.reads_start_nothing', async ({ create, say, ok }) => {
    const session_id = await create({ title: 'Left alone' });
    await say(session_id, '#say quietword');
    await ok('dispose_session', { session_id });
    const before = await ok('poll_events', { session_id, timeout_ms: 0 });
    for (const [tool, args] of [
      ['get_session', { session_id }],
      ['list_sessions', { query: 'left alone' }],
      ['search_sessions', { query: 'quietword' }],
      ['list_permissions', { session_id }],
    ] as const)
      await ok(tool, args);
    const { session } = await ok('get_session', { session_id });
    assert.equal(Object(session).status, 'closed');
    const after = await ok('poll_events', { session_id, after: before.cursor, timeout_ms: 0 });
    assert.deepEqual(after.events, []);
  });

  overTwo('rule.cwd', async ({ fails, ok, project }) => {
    const file = join(project, 'a-file');
    await writeFile(file, '');
    for (const cwd of ['relative', '/nowhere-at-all', '/', file, join(project, '..', '..')]) {
      const refused = await fails('create_session', { agent: 'scripted', cwd });
      assert.deepEqual(
        [refused.code, refused.message],
        ['INVALID_CWD', `cwd must be an existing directory inside the allowed roots: ${cwd}`],
      );
      assert.notEqual(refused.hint, '');
    }
    assert.equal((await fails('create_session', {})).code, 'VALIDATION_ERROR');
    const mode = { agent: 'scripted', cwd: project, permission_mode: 'bypassPermissions' };
    assert.equal((await fails('create_session', mode)).code, 'POLICY_DENIED');
    assert.equal((await fails('create_session', { cwd: project, agent: 'nobody' })).code, 'AGENT_UNAVAILABLE');
    const elsewhere = { cwd: project, agent: 'scripted', worker_id: 'nobody' };
    assert.equal((await fails('create_session', elsewhere)).code, 'WORKER_NOT_FOUND');
    assert.equal((await fails('create_session', { agent: 'scripted', slug: '-nowhere' })).code, 'PROJECT_NOT_FOUND');
    const { sessions } = await ok('list_sessions', { status: 'starting' });
    assert.deepEqual(sessions, [], 'nothing was started');
  });

  overTwo('rule.states', async subject => {
    const { create, ok } = subject;
    const cwd = await freshProject(subject);
    const session_id = await create({ cwd });
    const write = `#tool Write ${JSON.stringify({ file_path: 'x', content: 'y' })}`;
    const sent = await ok('send_prompt', { session_id, text: write });
    const { permissions } = await until(subject, {
      tool: 'list_permissions',
      args: { session_id },
      isIt: output => listOf(output.permissions).length === 1,
    });
    const request_id = Object(listOf(permissions)[0]).requestId;
    await ok('respond_permission', { session_id, request_id, behavior: 'allow' });
    await turnOf(subject, sent);
    await access(join(cwd, 'x'));
    const { events } = await until(subject, {
      tool: 'poll_events',
      args: { session_id, after: sent.cursor, timeout_ms: 0 },
      isIt: output => statusesOf(z.array(eventSchema).parse(output.events)).at(-1) === 'idle',
    });
    const told = statusesOf(z.array(eventSchema).parse(events));
    assert.deepEqual(told.slice(-4), ['running', 'waiting_permission', 'running', 'idle']);
    await ok('dispose_session', { session_id });
    assert.equal(Object((await ok('get_session', { session_id })).session).status, 'closed');
  });

  overTwo('rule.queue', async subject => {
    const { resting, ok, say, fails } = subject;
    const session_id = await resting();
    const first = await ok('send_prompt', { session_id, text: '#slow 400 50' });
    assert.equal(first.via, 'resume');
    await untilRunning(subject, session_id);
    const busy = await fails('send_prompt', { session_id, text: 'x', when_busy: 'error' });
    assert.deepEqual([busy.code, busy.details.turn_id], ['SESSION_BUSY', first.turnId]);
    assert.match(busy.message, new RegExp(String(first.turnId)), 'names the turn');
    const queued = [];
    for (let at = 1; at <= 20; at += 1) queued.push(await ok('send_prompt', { session_id, text: `#say number ${at}` }));
    assert.deepEqual(
      queued.map(({ via, position }) => [via, position]),
      queued.map((_, at) => ['queue', at + 1]),
    );
    const full = await fails('send_prompt', { session_id, text: 'x' });
    assert.deepEqual([full.code, full.retryable], ['CAPACITY_EXCEEDED', true]);
    await ok('abort_session', { session_id });
    const last = queued.at(-1) ?? {};
    const events = await turnOf(subject, { ...last, cursor: first.cursor });
    const ends = events.filter(({ type }) => type === 'session.idle').map(({ turnId }) => turnId);
    assert.deepEqual(ends, [first.turnId, ...queued.map(({ turnId }) => turnId)], 'first in, first out, once each');
    const told = await say(session_id, '#recall');
    assert.match(textsOf(told.messages).at(-1) ?? '', /number 19 \| #say number 20$/);
  });

  overTwo('rule.interrupt', async subject => {
    const { resting, ok } = subject;
    const session_id = await resting();
    const first = await ok('send_prompt', { session_id, text: '#slow 400 50' });
    await untilRunning(subject, session_id);
    const second = await ok('send_prompt', { session_id, text: '#say instead', when_busy: 'interrupt' });
    const events = await turnOf(subject, { ...second, cursor: first.cursor });
    const ends = events.filter(({ type }) => type === 'session.idle');
    assert.deepEqual(
      ends.map(({ turnId, result }) => [turnId, Object(result).outcome]),
      [
        [first.turnId, 'aborted'],
        [second.turnId, 'completed'],
      ],
    );
  });

  overTwo('rule.remember', async subject => {
    const { create, say, ok } = subject;
    const write = (name: string) => `#tool Write ${JSON.stringify({ file_path: name, content: 'y' })}`;
    const session_id = await create({ cwd: await freshProject(subject) });
    const { pendingPermissions } = await say(session_id, write('a'));
    const request_id = Object(listOf(pendingPermissions)[0]).requestId;
    await ok('respond_permission', { session_id, request_id, behavior: 'allow', remember: 'session' });
    await until(subject, {
      tool: 'get_session',
      args: { session_id },
      isIt: ({ session }) => Object(session).status === 'idle',
    });
    assert.equal((await say(session_id, write('b'))).waitingPermission, false, 'for this session');
    const other = await create({ cwd: await freshProject(subject) });
    const asked = await say(other, write('c'));
    assert.equal(asked.waitingPermission, true, 'not for another');
    const always = Object(listOf(asked.pendingPermissions)[0]).requestId;
    await ok('respond_permission', { session_id: other, request_id: always, behavior: 'allow', remember: 'always' });
  });

  overTwo('rule.events', async subject => {
    const { resting, ok, fails } = subject;
    const session_id = await resting();
    const text = '#think about it\n#say some words to tell\n#subagent helper Look around\n#tool Read {}';
    const sent = await ok('send_prompt', { session_id, text });
    await until(subject, {
      tool: 'list_permissions',
      args: { session_id },
      isIt: output => listOf(output.permissions).length === 1,
    });
    await ok('abort_session', { session_id });
    const events = await turnOf(subject, sent);
    const types = new Set(events.map(({ type }) => type));
    for (const type of ['message.created', 'message.part.updated', 'message.part.delta', 'message.part.completed'])
      assert.ok(types.has(type), type);
    for (const type of [
      'permission_request',
      'permission_resolved',
      'task.started',
      'task.finished',
      'session.updated',
    ])
      assert.ok(types.has(type), type);
    const started = events.find(({ type }) => type === 'task.started');
    assert.deepEqual([started?.subagentType, started?.description], ['helper', 'Look around']);
    const { messages } = await ok('get_session', { session_id });
    for (const { parts } of z.array(messageSchema).parse(messages)) {
      for (const { id, type, text: whole } of parts) {
        const deltas = events.filter(event => event.type === 'message.part.delta' && event.partId === id);
        if (deltas.length > 0) assert.equal(deltas.map(({ delta }) => delta).join(''), whole, `${type} ${id}`);
      }
    }
    const completed = events.findLastIndex(({ type }) => type === 'message.part.completed');
    assert.ok(completed < events.findIndex(event => isEnd(event, sent.turnId)), 'the end comes after the last part');
    const alias = {
      session_id,
      after: sent.cursor,
      timeout_ms: 0,
      types: ['message.updated', 'channel.permission_request'],
    };
    const found = z.array(eventSchema).parse((await ok('poll_events', alias)).events);
    assert.deepEqual([...new Set(found.map(({ type }) => type))].sort(), [
      'message.part.completed',
      'message.part.updated',
      'permission_request',
    ]);
    for (const [stream, code] of [
      ['task:00000000-0000-4000-8000-000000000000', 'TASK_NOT_FOUND'],
      ['workspace:ws_aaaaaaaaaaaaaaaaaaaaaaaa', 'WORKSPACE_NOT_FOUND'],
      ['session:00000000-0000-4000-8000-000000000000', 'SESSION_NOT_FOUND'],
      ['nonsense', 'VALIDATION_ERROR'],
    ] as const)
      assert.equal((await fails('poll_events', { stream })).code, code, stream);
  });

  overTwo('rule.live_ids', async ({ create, say, ok }) => {
    const session_id = await create();
    const turn = await say(session_id, '#think first\n#say then\n#ask Read {}');
    await ok('abort_session', { session_id });
    const idsOf = (messages: unknown) =>
      z
        .array(messageSchema)
        .parse(messages)
        .map(({ id, parts }) => [id, ...parts.map(part => part.id)]);
    const { messages } = await ok('get_session', { session_id });
    assert.deepEqual(idsOf(messages).slice(0, 1), idsOf(turn.messages).slice(0, 1));
    assert.deepEqual(idsOf(messages).length >= 2, true);
    for (const [id] of idsOf(turn.messages))
      assert.ok(
        idsOf(messages).some(([known]) => known === id),
        id,
      );
  });
}
