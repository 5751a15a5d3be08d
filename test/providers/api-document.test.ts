import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiDocument } from '../support/api-document.ts';

const ORIGIN = 'http://service';

async function problemsOf(
  document: string,
  { method, path, body }: { method: string; path: string; body?: unknown },
): Promise<string[]> {
  const url = new URL(path, ORIGIN);
  const api = await ApiDocument.read(document);
  const matched = api.match(method, url.pathname);
  assert.ok(matched, `${method} ${path} is not described`);
  return api.requestProblems(matched, { method, url, body });
}

const CODEGEN = 'codegen.openapi.json';
const CODER = 'coder.swagger.json';
const RUN = '/v1/organizations/1/agent/run';
const RUNS = '/v1/organizations/1/agent/runs';

test('a request that the document permits has no problem', async () => {
  assert.deepEqual(
    await problemsOf(CODEGEN, { method: 'POST', path: RUN, body: { prompt: 'x', metadata: { a: 1 } } }),
    [],
  );
  assert.deepEqual(await problemsOf(CODEGEN, { method: 'GET', path: `${RUNS}?skip=0&limit=100&source_type=API` }), []);
  assert.deepEqual(await problemsOf(CODER, { method: 'GET', path: '/api/v2/tasks?q=owner:me' }), []);
  const task = { template_version_id: '0ba39c92-1f1b-4c32-aa3e-9925d7713eb1', input: 'x', name: 'a' };
  assert.deepEqual(await problemsOf(CODER, { method: 'POST', path: '/api/v2/tasks/me', body: task }), []);
});

test('what a request lacks, has too much or mistyped is told', async () => {
  const found = async (method: string, path: string, body?: unknown) =>
    (await problemsOf(CODEGEN, { method, path, body })).map(problem => problem.replace(/^.*?: /, ''));
  assert.deepEqual(await found('POST', RUN, {}), ["body must have required property 'prompt'"]);
  assert.deepEqual(await found('POST', RUN), ['the body is missing']);
  assert.deepEqual(await found('POST', RUN, { prompt: 'x', branch: 'y' }), ['body branch is unknown']);
  assert.deepEqual(await found('POST', `${RUN}/resume`, { agent_run_id: '5', prompt: 'x' }), [
    '/agent_run_id must be integer',
  ]);
  assert.deepEqual(await found('GET', `${RUNS}?limit=101`), ['limit=101: must be <= 100']);
  assert.deepEqual(await found('GET', `${RUNS}?status=ACTIVE`), ['query status is unknown']);
  assert.deepEqual(await found('GET', '/v1/organizations/acme/agent/runs'), ['org_id=acme: must be integer']);
});

test('requests are held to Swagger 2.0 as well', async () => {
  const [wrong] = await problemsOf(CODER, { method: 'POST', path: '/api/v2/tasks/me', body: { input: 7 } });
  assert.match(wrong ?? '', /\/input must be string/);
  const [unknown] = await problemsOf(CODER, { method: 'POST', path: '/api/v2/tasks/me', body: { prompt: 'x' } });
  assert.match(unknown ?? '', /body prompt is unknown/);
});

test('an answer that is not described, lacks a field or has a wrong one is told', async () => {
  const api = await ApiDocument.read(CODEGEN);
  const matched = api.match('GET', '/v1/users/me');
  assert.ok(matched);
  const user = { id: 1, github_user_id: '2', github_username: 'x' };
  assert.deepEqual(api.answerProblems(matched, { status: 200, body: user }), []);
  assert.match(
    api.answerProblems(matched, { status: 200, body: { ...user, id: 'x' } })[0] ?? '',
    /\/id must be integer/,
  );
  assert.match(api.answerProblems(matched, { status: 200, body: {} })[0] ?? '', /required property 'id'/);
  assert.match(api.answerProblems(matched, { status: 418, body: {} })[0] ?? '', /not described/);
  assert.equal(api.match('GET', '/v1/nowhere'), undefined);
});
