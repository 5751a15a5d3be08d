import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../../support/eventually.ts';
import type { SessionVerifier, SessionSubject } from './verify.ts';

/** For what is looked at now and then, on a busy machine. */
const PATIENCE_MS = 30_000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const epochMs = z.number().int().min(1_600_000_000_000).max(4_000_000_000_000);
const usage = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  costUsd: z.number().nullable(),
});

export const permissionSchema = z.object({
  requestId: z.string(),
  sessionId: z.string(),
  toolName: z.string(),
  description: z.string(),
  inputPreview: z.string().max(500),
  input: z.record(z.string(), z.unknown()),
  source: z.enum(['session', 'terminal']),
  createdAt: epochMs,
  expiresAt: epochMs,
  state: z.enum(['pending', 'allowed', 'denied', 'expired', 'resolved_locally']),
  remember: z.array(z.enum(['once', 'session', 'always'])),
});

export const projectSchema = z.object({
  slug: z.string(),
  path: z.string(),
  sessionCount: z.number().int(),
  repoName: z.string().optional(),
  worktreeLabel: z.string().optional(),
  agents: z.array(z.string()),
  lastActiveAt: epochMs,
  workerId: z.string(),
});

/** Loose: outputs may have more than the contract names. */
export const sessionSchema = z.looseObject({
  id: z.string().regex(UUID),
  agentSessionId: z.string(),
  projectSlug: z.string(),
  title: z.string(),
  cwd: z.string(),
  createdAt: epochMs,
  updatedAt: epochMs,
  lastMessageAt: epochMs.nullable(),
  status: z.enum(['starting', 'idle', 'running', 'waiting_permission', 'parked', 'mirror', 'closed', 'failed']),
  agent: z.string(),
  workerId: z.string(),
  messageCount: z.number().int(),
  pendingPermissionCount: z.number().int(),
  usage: z.union([usage, z.strictObject({})]),
  resumeCommand: z.string(),
});

const partSchema = z.looseObject({
  id: z.string(),
  messageId: z.string(),
  sessionId: z.string(),
  type: z.enum(['text', 'thinking', 'tool_use', 'tool_result', 'system', 'result']),
  text: z.string().optional(),
  truncated: z.boolean().optional(),
});

export const messageSchema = z.looseObject({
  id: z.string(),
  sessionId: z.string(),
  role: z.enum(['user', 'assistant', 'system']),
  time: z.looseObject({ created: epochMs }),
  parts: z.array(partSchema),
});

export const textsOf = (messages: unknown): string[] =>
  z
    .array(messageSchema)
    .parse(messages)
    .flatMap(({ parts }) => parts.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : [])));

/** Waits until a call gives what `isIt` wants: what is told by transcripts is read from them a moment later. */
export async function until(
  { ok }: Pick<SessionSubject, 'ok'>,
  {
    tool,
    args,
    isIt,
  }: { tool: string; args: Record<string, unknown>; isIt: (output: Record<string, unknown>) => boolean },
): Promise<Record<string, unknown>> {
  let output: Record<string, unknown> = {};
  await eventually(async () => {
    output = await ok(tool, args);
    return isIt(output);
  }, PATIENCE_MS);
  return output;
}

export const untilRunning = (subject: Pick<SessionSubject, 'ok'>, session_id: string) =>
  until(subject, {
    tool: 'get_session',
    args: { session_id, limit: 1 },
    isIt: ({ session }) => Object(session).status === 'running',
  });

export const listOf = (value: unknown): unknown[] => z.array(z.unknown()).parse(value);

let made = 0;
/** A directory of its own in which agents may work. */
export async function freshProject({ project }: Pick<SessionSubject, 'project'>): Promise<string> {
  const path = join(project, '..', `place-${process.pid}-${++made}`);
  await mkdir(path);
  return path;
}

export function declareTools({ overMcp }: SessionVerifier): void {
  overMcp('tool.list_projects', async subject => {
    const { create, say, call, fails } = subject;
    const cwd = await freshProject(subject);
    await say(await create({ cwd }), '#say here');
    const query = cwd.split('/').at(-1);
    const { projects } = await until(subject, {
      tool: 'list_projects',
      args: { query, agent: 'scripted' },
      isIt: output => listOf(output.projects).length > 0,
    });
    const [project] = z.array(projectSchema).parse(projects);
    assert.deepEqual([project?.path, project?.sessionCount, project?.agents], [cwd, 1, ['scripted']]);
    const { output, text } = await call('list_projects', { limit: 1, worker_id: project?.workerId });
    assert.deepEqual([listOf(output.projects).length, output.warnings], [1, []]);
    if (text.length > 0) assert.deepEqual(JSON.parse(text[0] ?? ''), output.projects, 'a bare array');
    assert.equal((await fails('list_projects', { worker_id: 'nobody' })).message, 'Worker not found: nobody');
  });

  overMcp('tool.list_sessions', async subject => {
    const { create, say, ok, call } = subject;
    const title = `Needle of ${subject.wire}`;
    const id = await create({ title });
    const args = { query: title.toLowerCase(), agent: 'scripted' };
    const before = z.array(sessionSchema).parse((await ok('list_sessions', args)).sessions);
    assert.deepEqual([before[0]?.id, before[0]?.status, before[0]?.title], [id, 'idle', title]);
    await say(id, '#usage 7 3 0.25\n#say told');
    const { sessions } = await until(subject, {
      tool: 'list_sessions',
      args,
      isIt: output => Object(listOf(output.sessions)[0]).messageCount === 2,
    });
    const [session, ...others] = z.array(sessionSchema).parse(sessions);
    assert.deepEqual([session?.id, session?.cwd, others.length], [id, subject.project, 0]);
    assert.deepEqual(session?.usage, {
      ...{ inputTokens: 7, outputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 0 },
      costUsd: 0.25,
    });
    assert.deepEqual(listOf((await ok('list_sessions', { ...args, status: 'failed' })).sessions), []);
    assert.equal(listOf((await ok('list_sessions', { ...args, status: 'idle' })).sessions).length, 1);
    assert.deepEqual(listOf((await ok('list_sessions', { ...args, since: Date.now() + 60_000 })).sessions), []);
    assert.deepEqual(listOf((await ok('list_sessions', { ...args, slug: 'elsewhere' })).sessions), []);
    assert.equal(listOf((await ok('list_sessions', { ...args, slug: session?.projectSlug })).sessions).length, 1);
    await create();
    const { output, text } = await call('list_sessions', { limit: 1 });
    assert.equal(typeof output.nextCursor, 'string');
    if (text.length > 0)
      assert.deepEqual([JSON.parse(text[0] ?? ''), text[1]], [output.sessions, `more: cursor ${output.nextCursor}`]);
    const next = await ok('list_sessions', { limit: 1, cursor: output.nextCursor });
    assert.notDeepEqual(Object(listOf(next.sessions)[0]).id, Object(listOf(output.sessions)[0]).id);
  });

  overMcp('tool.get_session', async subject => {
    const { create, say, ok, fails } = subject;
    const session_id = await create();
    for (const text of ['one', 'two', 'three']) await say(session_id, `#say ${text} ${'x'.repeat(300)}`);
    const { session, messages, hasMore, before } = await ok('get_session', { session_id, slug: 'whatever', limit: 4 });
    const shown = sessionSchema.parse(session);
    assert.deepEqual([shown.id, shown.slug, shown.pendingPermissions], [session_id, shown.projectSlug, []]);
    assert.equal(Object(shown.channel).present, false);
    const read = z.array(messageSchema).parse(messages);
    assert.deepEqual(
      read.map(({ role }) => role),
      ['user', 'assistant', 'user', 'assistant'],
    );
    assert.deepEqual([hasMore, before], [true, read[0]?.id]);
    for (const { sessionId, parts } of read) {
      assert.equal(sessionId, session_id);
      for (const part of parts) assert.equal(part.sessionId, session_id);
    }
    const earlier = await ok('get_session', { session_id, before, max_part_chars: 100 });
    const [, answer] = z.array(messageSchema).parse(earlier.messages);
    assert.deepEqual([answer?.parts[0]?.text?.length, answer?.parts[0]?.truncated], [100, true]);
    assert.deepEqual([earlier.hasMore, earlier.before], [false, null]);
    assert.equal((await fails('get_session', { session_id, before: 'nothing' })).code, 'VALIDATION_ERROR');
  });

  overMcp('tool.create_session', async subject => {
    const { ok, project } = subject;
    const cwd = await freshProject(subject);
    const key = `create-${subject.wire}-${process.pid}`;
    const args = {
      agent: 'scripted',
      cwd,
      title: 'Made',
      model: 'scripted',
      prompt: '#say first',
      idempotency_key: key,
    };
    const created = await ok('create_session', args);
    const session_id = z.string().regex(UUID).parse(created.sessionId);
    assert.deepEqual([created.cwd, created.agent, typeof created.workerId], [cwd, 'scripted', 'string']);
    assert.equal(typeof created.resumeCommand, 'string');
    assert.ok(['idle', 'starting', 'running'].includes(String(created.status)));
    assert.equal((await ok('create_session', args)).sessionId, session_id, 'the same key gives the first answer');
    const after = created.cursor;
    const { events } = await until(subject, {
      tool: 'poll_events',
      args: { session_id, after, timeout_ms: 0 },
      isIt: output => listOf(output.events).some(event => Object(event).type === 'session.idle'),
    });
    assert.equal(Object(listOf(events)[0]).seq, 1, 'the cursor stands before everything');
    assert.ok(textsOf((await ok('get_session', { session_id })).messages).includes('first'));
    await ok('dispose_session', { session_id });
    // cwd wins over a slug, as when several directories share a project.
    const other = await ok('create_session', { agent: 'scripted', cwd: project, slug: 'whatever' });
    assert.equal(other.cwd, project);
    await ok('dispose_session', { session_id: other.sessionId });
  });

  overMcp('tool.send_prompt', async subject => {
    const { resting, ok, fails } = subject;
    const session_id = await resting();
    const args = { session_id, text: '#say heard', cwd: '/x', slug: 'y', idempotency_key: `send-${session_id}` };
    const sent = await ok('send_prompt', args);
    assert.deepEqual([sent.ok, sent.via, sent.sessionId, typeof sent.turnId], [true, 'resume', session_id, 'string']);
    const { events } = await until(subject, {
      tool: 'poll_events',
      args: { session_id, after: sent.cursor, timeout_ms: 1000 },
      isIt: output => listOf(output.events).some(event => Object(event).turnId === sent.turnId),
    });
    assert.deepEqual((await ok('send_prompt', args)).turnId, sent.turnId);
    for (const other of [{ text: '#say other' }, { when_busy: 'error' }])
      assert.equal((await fails('send_prompt', { ...args, ...other })).code, 'IDEMPOTENCY_CONFLICT');
    assert.equal(listOf(events).filter(event => Object(event).type === 'session.idle').length, 1);
  });

  overMcp('tool.send_and_wait', async ({ resting, say, ok }) => {
    const session_id = await resting();
    await say(session_id, '#say of an earlier turn');
    const turn = await say(session_id, '#say answered', { idempotency_key: `wait-${session_id}` });
    assert.deepEqual([turn.ok, turn.via, turn.timedOut, turn.waitingPermission], [true, 'resume', false, false]);
    assert.deepEqual([turn.sessionId, turn.pendingPermissions], [session_id, []]);
    assert.equal(Object(turn.result).outcome, 'completed');
    assert.deepEqual(textsOf(turn.messages), ['#say answered', 'answered']);
    const again = await say(session_id, '#say answered', { idempotency_key: `wait-${session_id}`, timeout_ms: 5000 });
    assert.deepEqual(
      [again.turnId, again.timedOut, textsOf(again.messages)],
      [...[turn.turnId, false], ['#say answered', 'answered']],
    );
    // A key belongs to one operation.
    const sent = await ok('send_prompt', { session_id, text: '#say sent', idempotency_key: `wait-${session_id}` });
    assert.notEqual(sent.turnId, turn.turnId);
    const late = await say(session_id, '#slow 400 50', { timeout_ms: 1 });
    assert.equal(late.timedOut, true);
    // The turn goes on.
    await untilRunning({ ok }, session_id);
    await ok('abort_session', { session_id });
  });

  overMcp('tool.abort_session', async ({ resting, ok, say }) => {
    const session_id = await resting();
    assert.deepEqual((await ok('abort_session', { session_id })).aborted, false);
    await ok('send_prompt', { session_id, text: '#slow 400 50' });
    await untilRunning({ ok }, session_id);
    const { status, ...aborted } = await ok('abort_session', { session_id });
    assert.deepEqual(aborted, { ok: true, aborted: true });
    assert.equal(typeof status, 'string');
    assert.deepEqual(textsOf((await say(session_id, '#say still there')).messages).at(-1), 'still there');
  });

  overMcp('tool.dispose_session', async ({ create, ok, say }) => {
    const session_id = await create();
    assert.deepEqual(await ok('dispose_session', { session_id }), { ok: true, disposed: true, status: 'closed' });
    assert.deepEqual(await ok('dispose_session', { session_id }), { ok: true, disposed: false, status: 'closed' });
    assert.deepEqual(textsOf((await say(session_id, '#say resumed')).messages).at(-1), 'resumed');
  });

  overMcp('tool.fork_session', async ({ create, ok, say, fails }) => {
    const session_id = await create();
    const first = z.array(messageSchema).parse((await say(session_id, '#say one')).messages);
    await say(session_id, '#say two');
    const at_message_id = first.at(-1)?.id;
    const args = { session_id, slug: 'x', at_message_id, title: 'Fork', idempotency_key: `fork-${session_id}` };
    const forked = await ok('fork_session', args);
    assert.deepEqual([forked.forkedFrom, forked.atMessageId], [session_id, at_message_id]);
    assert.equal((await ok('fork_session', args)).sessionId, forked.sessionId);
    const fork = await ok('get_session', { session_id: forked.sessionId });
    const { status, forkedFrom, title } = sessionSchema.parse(fork.session);
    assert.deepEqual([status, forkedFrom, title], ['parked', session_id, 'Fork']);
    const told = await say(String(forked.sessionId), '#recall');
    assert.deepEqual(textsOf(told.messages).at(-1), '#say one');
    const whole = await ok('fork_session', { session_id });
    assert.equal(typeof whole.atMessageId, 'string');
    assert.deepEqual(textsOf((await say(session_id, '#recall')).messages).at(-1), '#say one | #say two');
    assert.equal((await fails('fork_session', { session_id, at_message_id: 'nothing' })).code, 'VALIDATION_ERROR');
    for (const id of [forked.sessionId, whole.sessionId]) await ok('dispose_session', { session_id: id });
  });

  overMcp('tool.rename_session', async ({ resting, ok }) => {
    const session_id = await resting();
    assert.deepEqual(await ok('rename_session', { session_id, title: '  Gate  ' }), { ok: true, title: 'Gate' });
    assert.equal(sessionSchema.parse((await ok('get_session', { session_id })).session).title, 'Gate');
    const long = await ok('rename_session', { session_id, title: 'x'.repeat(200) });
    assert.equal(String(long.title).length, 120);
  });
}
