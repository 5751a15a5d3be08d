import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { claudeLines, says } from '../../src/worker/history/transcripts-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { initialize, mcpMessage, type SessionServer, sessionServer } from '../support/session-server.ts';
import { listOf, textsOf } from './operations.ts';

const UNKNOWN = '0b5c9a52-7d0c-4e0e-9e0a-5b1a4f6f2d11';

/** Two directories that Claude Code gives the same folder, each with a session. */
const sameSlug = () => {
  const files: Record<string, string> = {};
  for (const cwd of ['/x/my-app', '/x/my/app']) {
    const session = claudeLines({ cwd });
    session.user(`Look at ${cwd}`);
    session.assistant(says('Done'));
    files[`.claude/projects/-x-my-app/${session.sessionId}.jsonl`] = session.text();
  }
  return files;
};

describe('known failures of the earlier system for sessions', () => {
  let server: SessionServer;
  before(async () => {
    server = await sessionServer({ files: sameSlug() });
  });
  after(() => server[Symbol.asyncDispose]());

  const create = async (cwd = server.project): Promise<string> => {
    const made = await server.ask('create_session', { cwd, agent: 'scripted' });
    return typeof made.sessionId === 'string' ? made.sessionId : assert.fail(JSON.stringify(made));
  };

  test('failure 8: a session created a moment ago is found by search, its snippet as it was written', async () => {
    const session_id = await create();
    await server.ask('send_and_wait', { session_id, text: '#say The QUICK Brown Gnu' });
    let found: Record<string, unknown> | undefined;
    await eventually(async () => {
      const { results } = await server.ask('search_sessions', { query: 'quick gnu' });
      found = listOf(results).find(one => one.sessionId === session_id);
      return found !== undefined;
    }, 30_000);
    assert.match(String(found?.snippet), /QUICK Brown Gnu/);
  });

  test('failure 10: what cannot be is refused before anything starts', async () => {
    const liveBefore = (await server.ask('get_health')).sessions;
    assert.equal((await server.ask('create_session', {})).code, 'VALIDATION_ERROR');
    const nowhere = await server.ask('create_session', { cwd: '/no/such/place' });
    assert.deepEqual([nowhere.httpStatus, nowhere.code], [422, 'INVALID_CWD']);
    assert.equal(nowhere.error, 'cwd must be an existing directory inside the allowed roots: /no/such/place');
    assert.doesNotMatch(JSON.stringify(nowhere), /claude|bin\//);
    assert.equal((await server.ask('create_session', { slug: 'no-such-slug' })).code, 'PROJECT_NOT_FOUND');
    assert.equal((await server.ask('get_session', { session_id: '../../x' })).code, 'VALIDATION_ERROR');
    assert.equal((await server.http('GET', '/api/sessions/..%2F..%2Fx')).body.code, 'VALIDATION_ERROR');
    assert.equal((await server.ask('get_health')).sessions, liveBefore);
  });

  test('failure 11: abort and dispose know an unknown id as one that is not found', async () => {
    for (const tool of ['abort_session', 'dispose_session']) {
      const { httpStatus, code, error } = await server.ask(tool, { session_id: UNKNOWN });
      assert.deepEqual([httpStatus, code, error], [404, 'SESSION_NOT_FOUND', `Session not found: ${UNKNOWN}`], tool);
    }
  });

  test('failure 14: two paths of one slug are two projects with the right paths', async () => {
    let projects: Record<string, unknown>[] = [];
    await eventually(async () => {
      projects = listOf((await server.ask('list_projects')).projects).filter(({ path }) => /^\/x\//.test(String(path)));
      return projects.length === 2;
    }, 30_000);
    assert.deepEqual(projects.map(({ path }) => path).sort(), ['/x/my-app', '/x/my/app']);
    const slugs = projects.map(({ slug }) => String(slug));
    assert.equal(new Set(slugs).size, 2, slugs.join());
    for (const { slug, path } of projects) {
      const { sessions } = await server.ask('list_sessions', { slug });
      assert.deepEqual(
        listOf(sessions).map(({ cwd }) => cwd),
        [path],
      );
    }
  });

  test('failure 15: task.started carries type and description; an uploaded binary file arrives bit for bit', async () => {
    const session_id = await create();
    const { cursor } = await server.ask('send_prompt', { session_id, text: '#subagent reviewer Look at the diff' });
    const seen: Record<string, unknown>[] = [];
    await eventually(async () => {
      const page = await server.ask('poll_events', { session_id, after: cursor, timeout_ms: 1000 });
      seen.push(...listOf(page.events));
      return seen.some(({ type }) => type === 'task.finished');
    }, 30_000);
    const started = seen.find(({ type }) => type === 'task.started');
    assert.deepEqual([started?.subagentType, started?.description], ['reviewer', 'Look at the diff']);

    const bytes = randomBytes(2 * 1_048_576);
    const form = new FormData();
    form.append('file', new File([bytes], 'screen shot.png', { type: 'image/png' }));
    const response = await fetch(`${server.url}/api/sessions/${session_id}/upload`, { method: 'POST', body: form });
    const uploaded: Record<string, unknown> = Object(await response.json());
    assert.equal(response.status, 200, JSON.stringify(uploaded));
    assert.deepEqual(await readFile(String(uploaded.path)), bytes);
    const attachments = [{ fileId: uploaded.fileId }];
    const turn = await server.ask('send_and_wait', { session_id, text: '#say seen', attachments });
    const [attached = ''] = textsOf(turn.messages).flatMap(text => /\[attached: (.*)\]/.exec(text)?.[1] ?? []);
    const sha256 = (buffer: Buffer) => createHash('sha256').update(buffer).digest('hex');
    assert.equal(sha256(await readFile(attached)), sha256(bytes));
  });

  test('failure 16: get_health has uptime, sessions and version; get_health_details has status and log', async () => {
    await create();
    const health = await server.ask('get_health');
    assert.deepEqual([health.ok, health.name, health.mode, health.workers], [true, 'boxswain', 'solo', 1]);
    assert.match(String(health.version), /^\d+\.\d+\.\d+/);
    assert.ok(Number.isInteger(health.uptime) && Number(health.sessions) >= 1, JSON.stringify(health));
    const details = await server.ask('get_health_details');
    const names = listOf(details.status).map(({ name }) => name);
    for (const name of ['store', 'blobs', 'workers', 'sandbox', 'sessions']) assert.ok(names.includes(name), name);
    assert.deepEqual(details.subsystems, details.status);
    assert.deepEqual(
      listOf(details.status).find(({ name }) => name === 'store')?.healthy,
      true,
      JSON.stringify(details.status),
    );
    const joined = listOf(details.log).find(({ action }) => action === 'worker joined');
    assert.ok(
      Number(joined?.timestamp) > 0 && String(joined?.details).startsWith('worker '),
      JSON.stringify(details.log),
    );
  });
});

test('failure 7: tools work on any port and host that the server is bound to', async () => {
  for (const host of ['127.0.0.2', '::1']) {
    await using server = await sessionServer({ env: { CODEZ_HOST: host } });
    const nested = join(server.project, 'a');
    await mkdir(nested);
    const made = await server.ask('create_session', { cwd: nested, agent: 'scripted' });
    const turn = await server.ask('send_and_wait', { session_id: made.sessionId, text: '#say here' });
    assert.equal(textsOf(turn.messages).at(-1), 'here', `${host}: ${JSON.stringify(turn)}`);
    const { session } = await mcpMessage(server.url, initialize);
    const call = { method: 'tools/call', params: { name: 'get_observability', arguments: {} } };
    const { answer } = await mcpMessage(server.url, call, { 'mcp-session-id': session ?? '' });
    assert.equal(Object(answer.result).isError, undefined, JSON.stringify(answer));
  }
});
