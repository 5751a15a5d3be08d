import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { initialize, mcpMessage, type SessionServer, sessionServer } from '../support/session-server.ts';
import { eventually } from '../support/eventually.ts';
import { listOf, textsOf } from './operations.ts';

/** Those of the earlier system, and the three that came with this one. */
const NAMES = [
  ...['list_projects', 'list_sessions', 'get_session', 'create_session', 'send_prompt', 'send_and_wait'],
  ...['abort_session', 'dispose_session', 'fork_session', 'respond_permission', 'get_project_memory'],
  ...['search_sessions', 'poll_events', 'get_health', 'get_health_details', 'get_state', 'update_state'],
  ...['get_observability', 'rename_session', 'list_permissions', 'list_agents_available'],
];

describe('golden cases of sessions', () => {
  let server: SessionServer;
  before(async () => {
    server = await sessionServer();
  });
  after(() => server[Symbol.asyncDispose]());

  const toolsOf = ({ answer }: { answer: Record<string, unknown> }) =>
    listOf(Object(answer.result).tools).map(({ name }) => String(name));
  const missing = (names: readonly string[]) => NAMES.filter(name => !names.includes(name));

  /** Polls as a client of the earlier system does, until a turn of the session is over. */
  async function eventsUntilIdle(session_id: string, sent: unknown): Promise<string[]> {
    const types: string[] = [];
    let after = sent;
    await eventually(async () => {
      const page = await server.ask('poll_events', { session_id, after, timeout_ms: 2000 });
      types.push(...listOf(page.events).map(({ type }) => String(type)));
      after = page.cursor;
      return types.includes('session.idle');
    }, 60_000);
    return types;
  }

  test('case 1: a client entry of type http connects, has a session, and lists all names', async () => {
    const opened = await mcpMessage(server.url, initialize);
    assert.equal(opened.status, 200);
    assert.ok(opened.session, 'initialize answers with mcp-session-id');
    const headers = { 'mcp-session-id': opened.session };
    assert.deepEqual(missing(toolsOf(await mcpMessage(server.url, { method: 'tools/list' }, headers))), []);
  });

  test('case 3: tools/list without initialize is answered, also without an Accept for event streams', async () => {
    for (const accept of ['application/json, text/event-stream', 'application/json', '*/*']) {
      const listed = await mcpMessage(server.url, { method: 'tools/list' }, { accept });
      assert.equal(listed.status, 200, accept);
      assert.deepEqual(missing(toolsOf(listed)), [], accept);
    }
  });

  test('case 6: a session is created by slug and cwd, prompted, watched to its end and read', async () => {
    const made = await server.ask('create_session', { slug: 'any', cwd: server.project, agent: 'scripted' });
    const session_id = String(made.sessionId);
    const slug = 'any';
    const sent = await server.ask('send_prompt', { session_id, text: '#say the tests pass now', slug });
    assert.deepEqual([sent.ok, sent.via], [true, 'resume']);
    await eventsUntilIdle(session_id, sent.cursor);
    const { messages } = await server.ask('get_session', { session_id, slug });
    const texts = textsOf(messages);
    assert.ok(texts.includes('#say the tests pass now'), texts.join(' | '));
    assert.equal(texts.at(-1), 'the tests pass now');
  });

  test('case 7: two sessions of one slug in two directories are watched together and both counted', async () => {
    const before = Number((await server.ask('get_observability')).totalSessions);
    const other = join(server.project, 'other');
    await mkdir(other);
    const ids: string[] = [];
    for (const cwd of [server.project, other]) {
      const made = await server.ask('create_session', { slug: 'one-slug', cwd, agent: 'scripted' });
      ids.push(String(made.sessionId));
    }
    const { cursor } = await server.ask('poll_events', { timeout_ms: 0, max_events: 1000 });
    for (const session_id of ids) await server.ask('send_prompt', { session_id, text: '#usage 10 5 0.01\n#say done' });
    const idle = new Set<string>();
    let after = cursor;
    await eventually(async () => {
      const page = await server.ask('poll_events', { after, timeout_ms: 1000 });
      for (const { type, sessionId } of listOf(page.events)) if (type === 'session.idle') idle.add(String(sessionId));
      after = page.cursor;
      return ids.every(id => idle.has(id));
    }, 60_000);
    // More, when sessions of earlier cases were not counted yet at the first look.
    await eventually(async () => Number((await server.ask('get_observability')).totalSessions) >= before + 2, 60_000);
  });

  test('case 8: send_and_wait ends with the answer; markers are returned and kept', async () => {
    const made = await server.ask('create_session', { slug: 'x', cwd: server.project, agent: 'scripted' });
    const session_id = String(made.sessionId);
    const turn = await server.ask('send_and_wait', { session_id, text: '#say at last', slug: 'x' });
    assert.deepEqual([turn.ok, turn.timedOut], [true, false]);
    assert.equal(textsOf(turn.messages).at(-1), 'at last');
    const marker = { id: 'm1', sessionId: session_id, messageId: 'a', createdAt: 1, label: 'here' };
    const markers = { [session_id]: [marker] };
    assert.deepEqual(Object((await server.ask('update_state', { patch: { markers } })).markers), markers);
    assert.deepEqual(Object((await server.ask('get_state')).markers), markers);
  });

  test('case 9: a stale mcp-session-id is 404 Session not found, and a new initialize works', async () => {
    const stale = { 'mcp-session-id': '3f9b1a52-7d0c-4e0e-9e0a-5b1a4f6f2d11' };
    const refused = await mcpMessage(server.url, { method: 'tools/list' }, stale);
    assert.equal(refused.status, 404);
    assert.match(JSON.stringify(refused.answer), /Session not found/);
    assert.ok((await mcpMessage(server.url, initialize)).session);
  });
});
