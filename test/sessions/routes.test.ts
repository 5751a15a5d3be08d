import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { scratchDirectory, startServer } from '../support/server.ts';
import { type SessionServer, sessionServer } from '../support/session-server.ts';
import { listOf, textsOf } from './operations.ts';
import { operate } from '../support/operations-api.ts';

describe('the routes of the earlier system', () => {
  let server: SessionServer;
  let id: string;
  let slug: string;
  before(async () => {
    server = await sessionServer();
    const made = await server.http('POST', '/api/projects/any/sessions', { cwd: server.project, agent: 'scripted' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    id = String(made.body.sessionId);
    slug = String(Object((await server.http('GET', `/api/sessions/${id}`)).body.session).projectSlug);
  });
  after(() => server[Symbol.asyncDispose]());

  const status = async (method: string, path: string, body?: unknown) => (await server.http(method, path, body)).status;

  test('lists are bare arrays, and a project that was created in is listed and created in again', async () => {
    await server.http('POST', `/api/sessions/${id}/prompt`, { text: '#say listed', slug, cwd: server.project });
    await eventually(async () => {
      const { body } = await server.http('GET', '/api/projects');
      return Array.isArray(body) && body.some(one => one.slug === slug && one.path === server.project);
    }, 30_000);
    const { body } = await server.http('GET', `/api/projects/${slug}/sessions`);
    assert.ok(Array.isArray(body) && body.some(one => one.id === id), JSON.stringify(body));
    const memory = await server.http('GET', `/api/projects/${slug}/memory`);
    assert.deepEqual([memory.status, memory.body], [200, []]);
    const again = await server.http('POST', `/api/projects/${slug}/sessions`, { agent: 'scripted' });
    assert.deepEqual([again.status, again.body.cwd], [201, server.project]);
    assert.equal(await status('POST', '/api/projects/no-such-slug/sessions', {}), 404);
  });

  test('a prompt is 202, abort 204 without a body, a fork 201, a title 200, an end 204', async () => {
    const sent = await server.http('POST', `/api/sessions/${id}/prompt`, { text: '#say routed' });
    assert.deepEqual([sent.status, sent.body.ok, sent.body.via], [202, true, 'resume']);
    await eventually(async () => {
      const { body } = await server.http('GET', `/api/sessions/${id}?slug=${slug}`);
      return textsOf(body.messages).includes('routed');
    }, 30_000);
    assert.equal(await status('POST', `/api/sessions/${id}/abort`), 204);
    const fork = await server.http('POST', `/api/sessions/${id}/fork`, {});
    assert.deepEqual([fork.status, fork.body.forkedFrom], [201, id]);
    const renamed = await server.http('PATCH', `/api/sessions/${id}`, { title: `  ${'x'.repeat(130)}` });
    assert.deepEqual([renamed.status, renamed.body.title], [200, 'x'.repeat(120)]);
    assert.equal(await status('DELETE', `/api/sessions/${String(fork.body.sessionId)}`), 204);
    assert.equal(await status('DELETE', '/api/sessions/0b5c9a52-7d0c-4e0e-9e0a-5b1a4f6f2d11'), 404);
    assert.equal(await status('PUT', `/api/sessions/${id}`, {}), 405);
  });

  test('a request for leave is answered with 202, in the names of the earlier system', async () => {
    const made = await server.ask('create_session', { cwd: server.project, agent: 'scripted' });
    const text = '#tool Write {"file_path":"a.txt","content":"asked"}';
    await server.http('POST', `/api/sessions/${String(made.sessionId)}/prompt`, { text });
    let requestId: unknown;
    await eventually(async () => {
      const { body } = await server.http('GET', `/api/permissions?sessionId=${String(made.sessionId)}`);
      requestId = listOf(body.permissions)[0]?.requestId;
      return requestId !== undefined;
    }, 30_000);
    const answer = { requestId, behavior: 'allow', updatedInput: { file_path: 'a.txt', content: 'changed' } };
    assert.equal(await status('POST', `/api/sessions/${String(made.sessionId)}/permission`, answer), 202);
    const file = join(server.project, 'a.txt');
    await eventually(async () => (await readFile(file, 'utf8').catch(() => '')) === 'changed', 30_000);
    const late = { ...answer, behavior: 'deny', updatedInput: undefined };
    assert.equal(await status('POST', `/api/sessions/${String(made.sessionId)}/permission`, late), 409);
  });

  test('what is no file, and a file that is too large, are refused', async () => {
    const upload = (body: FormData | string) =>
      fetch(`${server.url}/api/sessions/${id}/upload`, { method: 'POST', body });
    const form = new FormData();
    form.append('file', 'no file');
    assert.equal((await upload(form)).status, 400);
    assert.equal((await upload('plain')).status, 415);
    const large = new FormData();
    large.append('file', new File([randomBytes(21 * 1_048_576)], 'large.bin'));
    assert.equal((await upload(large)).status, 413);
    const missing = { session_id: id, text: 'x', attachments: [{ fileId: 'up_nothing' }] };
    assert.equal((await server.ask('send_prompt', missing)).code, 'FILE_NOT_FOUND');
  });

  test('state, search, figures, health and what is served over MCP', async () => {
    const patched = await server.http('PATCH', '/api/state', { preferences: { theme: 'dark' } });
    assert.deepEqual([patched.status, patched.body.preferences], [200, { theme: 'dark' }]);
    assert.deepEqual((await server.http('GET', '/api/state')).body.preferences, { theme: 'dark' });
    assert.equal(await status('PATCH', '/api/state', { other: 1 }), 400);
    await eventually(async () => {
      const { body } = await server.http('GET', '/api/search?q=routed');
      return listOf(body.results).some(one => one.sessionId === id);
    }, 30_000);
    assert.equal(await status('GET', '/api/search'), 400);
    for (const [method, path] of [
      ['GET', '/api/observability/stats'],
      ['POST', '/api/observability/snapshot'],
    ] as const)
      assert.equal(typeof (await server.http(method, path)).body.totalSessions, 'number', path);
    assert.equal((await server.http('GET', '/api/health')).body.ok, true);
    assert.ok(Array.isArray((await server.http('GET', '/api/health/details')).body.log));
    const [first] = listOf((await server.http('GET', '/api/mcp/servers')).body.servers);
    assert.deepEqual([first?.name, first?.url], ['boxswain', `${server.url}/mcp`]);
    const { tools } = (await server.http('GET', '/api/mcp/metrics')).body;
    assert.ok(listOf(tools).some(one => one.operation === 'get_health' && Number(one.calls) >= 1));
    const { agents } = (await server.http('GET', '/api/agents/available')).body;
    assert.ok(listOf(agents).some(one => one.kind === 'scripted'));
  });

  test('a restart ends what runs, reads the configuration anew and serves on the same port', async () => {
    const health = () => server.http('GET', '/api/health').catch(() => undefined);
    // Told in whole seconds, so that one which has begun after we asked cannot be taken for one that has begun before.
    await eventually(async () => Number((await health())?.body.uptime) >= 1);
    const askedAt = Date.now();
    const asked = await server.http('POST', '/api/server/restart');
    assert.deepEqual([asked.status, asked.body], [202, { ok: true }]);
    await eventually(async () => {
      const found = await health();
      return found?.status === 200 && Date.now() - Number(found.body.uptime) * 1000 > askedAt;
    }, 60_000);
    const turn = await server.ask('send_and_wait', { session_id: id, text: '#say and on' });
    assert.equal(textsOf(turn.messages).at(-1), 'and on', JSON.stringify(turn));
  });
});

test('sessions are served at home without a sandbox engine, with one command', async () => {
  const scratch = await scratchDirectory();
  const home = join(scratch.path, 'home');
  const project = join(home, 'code');
  await mkdir(project, { recursive: true });
  // Users of boxes cannot pass through it, so that root has no engine; others have one of their own, and the rest is as good a test.
  const closed = join(scratch.path, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const hasEngine = process.getuid?.() !== 0;
  // An empty variable is as good as none.
  const env = { HOME: home, BOXSWAIN_SESSIONS_ROOTS: '' };
  const server = await startServer({ directory: join(closed, 'data'), env });
  try {
    const ask = (tool: string, args: object) => operate(server.url, tool, args);
    const made = await ask('create_session', { cwd: project, agent: 'scripted' });
    const turn = await ask('send_and_wait', { session_id: made.sessionId, text: '#say at home' });
    assert.equal(textsOf(turn.messages).at(-1), 'at home', JSON.stringify([made, turn]));
    assert.equal((await ask('create_session', { cwd: '/', agent: 'scripted' })).code, 'INVALID_CWD');
    const { status } = await ask('get_health_details', {});
    assert.equal(listOf(status).find(({ name }) => name === 'sandbox')?.healthy, hasEngine);
    if (!hasEngine) assert.equal((await ask('run_python', { code: '1' })).code, 'NOT_FOUND');
  } finally {
    await server.stop();
    await scratch.remove();
  }
});
