import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type RunningServer, scratchDirectory, startServer } from '../support/server.ts';
import { operationsAt } from './operations.ts';

type Json = Record<string, unknown>;

describe('sessions with the scripted agent, over HTTP', () => {
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
  let server: RunningServer;
  let project: string;

  const start = () =>
    startServer({
      directory: join(scratch.path, 'data'),
      env: { BOXSWAIN_SESSIONS_ROOTS: project, HOME: join(scratch.path, 'home') },
    });
  const ask = (tool: string, args: Json = {}) => operationsAt(server.url)(tool, args);
  const create = async (): Promise<string> => {
    const made = await ask('create_session', { cwd: project, agent: 'scripted' });
    assert.equal(typeof made.sessionId, 'string', JSON.stringify(made));
    return String(made.sessionId);
  };
  const textsOf = (messages: unknown): string[] => {
    const list: Json[] = Array.isArray(messages) ? messages : [];
    return list.flatMap(({ parts }) => {
      const all: Json[] = Array.isArray(parts) ? parts : [];
      return all.flatMap(({ type, text }) => (type === 'text' ? [String(text)] : []));
    });
  };

  before(async () => {
    scratch = await scratchDirectory();
    project = join(scratch.path, 'project');
    await mkdir(project);
    await mkdir(join(scratch.path, 'home'));
    server = await start();
  });
  after(async () => {
    await server.stop();
    await scratch.remove();
  });

  test('a prompt is answered, and its turn ends once', async () => {
    const session_id = await create();
    const turn = await ask('send_and_wait', { session_id, text: '#say hello there' });
    assert.deepEqual([turn.ok, turn.via, turn.timedOut, turn.waitingPermission], [true, 'resume', false, false]);
    assert.ok(
      textsOf(turn.messages).some(text => text.includes('hello there')),
      JSON.stringify(turn),
    );
    const { events } = await ask('poll_events', { session_id, timeout_ms: 0 });
    const types = (Array.isArray(events) ? events : []).map(event => Object(event).type);
    assert.equal(types.filter(type => type === 'session.idle').length, 1, types.join());
  });

  test('what a caller polls goes on from its cursor', async () => {
    const session_id = await create();
    const sent = await ask('send_prompt', { session_id, text: '#say one' });
    const seen: string[] = [];
    let after = String(sent.cursor);
    await eventually(async () => {
      const page = await ask('poll_events', { session_id, after, timeout_ms: 500, max_events: 2 });
      for (const event of Array.isArray(page.events) ? page.events : []) seen.push(Object(event).type);
      after = String(page.cursor);
      return seen.includes('session.idle');
    });
    assert.equal((await ask('poll_events', { session_id, after: 'nonsense' })).code, 'VALIDATION_ERROR');
  });

  test('a session goes on after the server was started anew', async () => {
    const session_id = await create();
    await ask('send_and_wait', { session_id, text: '#say before' });
    await server.stop();
    server = await start();
    const turn = await ask('send_and_wait', { session_id, text: '#say after' });
    assert.ok(
      textsOf(turn.messages).some(text => text.includes('after')),
      JSON.stringify(turn),
    );
    const { status, session } = await ask('get_session', { session_id });
    assert.equal(status, 200);
    assert.equal(Object(session).agent, 'scripted');
  });

  test('renamed, disposed, listed; and what nobody has is not found', async () => {
    const session_id = await create();
    assert.equal((await ask('rename_session', { session_id, title: '  Gate  ' })).title, 'Gate');
    const { sessions } = await ask('list_sessions', { query: 'gate' });
    assert.deepEqual(
      (Array.isArray(sessions) ? sessions : []).map(one => Object(one).id),
      [session_id],
    );
    assert.equal((await ask('dispose_session', { session_id })).disposed, true);
    assert.equal((await ask('dispose_session', { session_id })).disposed, false);
    const unknown = { session_id: '0b5c9a52-7d0c-4e0e-9e0a-5b1a4f6f2d11' };
    for (const tool of ['abort_session', 'dispose_session', 'get_session'])
      assert.deepEqual([(await ask(tool, unknown)).code], ['SESSION_NOT_FOUND'], tool);
    // Nobody has it open, so there is nothing to wait for.
    const waiting = { session_id, text: '#say x', when_open: 'wait' };
    assert.equal((await ask('send_prompt', waiting)).via, 'resume');
    assert.equal((await ask('create_session', {})).code, 'VALIDATION_ERROR');
    assert.equal((await ask('create_session', { cwd: '/nowhere' })).code, 'INVALID_CWD');
    assert.equal((await ask('get_session', { session_id: '../../x' })).code, 'VALIDATION_ERROR');
  });

  test('markers and preferences are kept by key, and by version', async () => {
    const first = await ask('update_state', { patch: { preferences: { theme: 'dark', a: 1 }, recentCwds: [project] } });
    const second = await ask('update_state', { patch: { preferences: { a: null } }, if_version: first.version });
    assert.deepEqual([second.preferences, second.recentCwds], [{ theme: 'dark' }, [project]]);
    assert.equal((await ask('update_state', { patch: {}, if_version: first.version })).code, 'CONFLICT');
    assert.equal((await ask('update_state', { patch: { other: 1 } })).code, 'VALIDATION_ERROR');
  });

  test('agents are told of, and nothing is found where nothing was said', async () => {
    const { agents } = await ask('list_agents_available');
    const kinds = (Array.isArray(agents) ? agents : []).map(one => Object(one).kind);
    assert.ok(kinds.includes('scripted') && kinds.includes('claude'), kinds.join());
    assert.deepEqual((await ask('search_sessions', { query: 'nothing' })).results, []);
    assert.equal((await ask('get_observability', { agent: 'codex' })).totalSessions, 0);
    assert.equal((await ask('get_project_memory', { slug: 'x' })).code, 'PROJECT_NOT_FOUND');
  });
});
