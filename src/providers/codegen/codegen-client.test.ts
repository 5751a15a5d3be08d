import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codegenClient, failsWith } from '../../../test/support/codegen-client.ts';
import { HTML_ERROR } from '../../../test/support/fake-codegen/troubles.ts';
import { AppError } from '../../errors/app-error.ts';
import { isOutcomeUnknown } from '../http/failures.ts';
import { SharedLimits } from '../http/shared-limits.ts';
import { createCodegenClient } from './codegen-client.ts';

const { signal } = new AbortController();

test('a run is created with everything that was given, and read as it is', async t => {
  const { fake, client } = await codegenClient(t);
  const input = {
    prompt: 'Write tests',
    metadata: { task_id: 'a' },
    repoId: 3,
    model: 'm',
    agentType: 'claude_code',
    images: ['data:image/png;base64,AA=='],
  } as const;
  const made = await client.createRun(input, { signal });
  assert.deepEqual(fake.requests.all[0]?.body, {
    prompt: 'Write tests',
    metadata: { task_id: 'a' },
    repo_id: 3,
    model: 'm',
    agent_type: 'claude_code',
    images: ['data:image/png;base64,AA=='],
  });
  assert.match(made.createdAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(made.webUrl, `https://codegen.com/runs/${made.id}`);
  assert.deepEqual(await client.getRun(made.id, { signal }), made);
});

test('a complete run is resumed on the right path, and any run is stopped', async t => {
  const { fake, client } = await codegenClient(t);
  const { id } = fake.runs.add({ status: 'COMPLETE', result: 'done' });
  const resumed = await client.resumeRun({ agentRunId: id, prompt: 'go on' }, { signal });
  assert.equal(resumed.status, 'ACTIVE');
  assert.deepEqual(fake.runs.promptsOf(id), ['go on']);
  await client.stopRun(id, { signal });
  assert.equal((await client.getRun(id, { signal })).status, 'CANCELLED');
});

test('pages of runs are given as the service gives them, null metadata as none, unknown words as they are', async t => {
  const { fake, client } = await codegenClient(t);
  fake.runs.add({ status: 'DREAMING', metadata: null, source_type: null, github_pull_requests: null });
  fake.runs.add({
    github_pull_requests: [{ id: 5, title: null, url: 'https://github.com/o/r/pull/5', created_at: 'x' }],
  });
  const page = await client.listRuns({ skip: 0, limit: 1 }, { signal });
  assert.deepEqual(
    { total: page.total, page: page.page, size: page.size, pages: page.pages },
    { total: 2, page: 1, size: 1, pages: 2 },
  );
  assert.deepEqual(page.items[0]?.pullRequests, [
    { id: 5, title: null, url: 'https://github.com/o/r/pull/5', headBranchName: null },
  ]);
  const [older] = (await client.listRuns({ skip: 1, limit: 1 }, { signal })).items;
  assert.equal(older?.status, 'DREAMING');
  assert.deepEqual(older?.metadata, {});
});

test('an enumeration that has grown and fields that are new pass', async t => {
  const { fake, client } = await codegenClient(t);
  const { id } = fake.runs.add();
  fake.troubles.next('getRun', { lie: body => ({ ...Object(body), source_type: 'TELEPATHY', novelty: { a: 1 } }) });
  assert.equal((await client.getRun(id, { signal })).sourceType, 'TELEPATHY');
});

test('a field that is missing or of another type is reported by its name', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.next('listRuns', {
    lie: () => ({ items: [{ organization_id: 1 }], total: 1, page: 1, size: 1, pages: 1 }),
  });
  await assert.rejects(
    client.listRuns({ skip: 0, limit: 1 }, { signal }),
    failsWith('CODEGEN_API_ERROR', { field: 'items.0.id' }),
  );
  fake.troubles.next('getMe', { lie: () => ({ id: 'seven', github_username: 'x' }) });
  await assert.rejects(client.getMe({ signal }), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.match(error.message, /^Codegen API error: 200 - field id cannot be read: .*expected/);
    return true;
  });
});

test('logs come from the alpha path, from the other where that is gone, and are passed unchanged', async t => {
  const { fake, client } = await codegenClient(t, { fake: { logPaths: ['plain'] } });
  const { id } = fake.runs.add();
  const entry = {
    message_type: 'NOVEL',
    thought: null,
    observation: { a: [1] },
    tool_input: { q: 'x' },
    tool_output: null,
  };
  fake.runs.addLogs(id, entry, { observation: 'text' });
  const page = await client.getLogs(id, { skip: 0, limit: 1, reverse: false }, { signal });
  assert.deepEqual(page.logs, [{ agent_run_id: id, created_at: null, tool_name: null, ...entry }]);
  assert.deepEqual({ total: page.total, pages: page.pages }, { total: 2, pages: 2 });
  assert.deepEqual(
    fake.requests.all.map(({ kind }) => kind),
    ['getLogs', 'getLogsOldPath'],
  );
  await assert.rejects(
    client.getLogs(99, { skip: 0, limit: 1, reverse: true }, { signal }),
    failsWith('AGENT_RUN_NOT_FOUND'),
  );
});

test('repositories are found in any case, asked for once, and near names are told of one that is not there', async t => {
  const { fake, client } = await codegenClient(t);
  for (let at = 0; at < 150; at++) fake.runs.addRepo(`other/thing-${at}`);
  const { id } = fake.runs.addRepo('Zeeeepa/codegen.py');
  const [found, again] = await Promise.all([
    client.findRepo('zeeeepa/CODEGEN.py', { signal }),
    client.findRepo('Zeeeepa/codegen.py', { signal }),
  ]);
  assert.deepEqual(found.repo, { id, fullName: 'Zeeeepa/codegen.py' });
  assert.deepEqual(again.repo, found.repo);
  const { repo, near } = await client.findRepo('Zeeepa/codegn.py', { signal });
  assert.equal(repo, undefined);
  assert.equal(near[0], 'Zeeeepa/codegen.py');
  assert.ok(near.length <= 5);
  assert.equal(fake.requests.count('listRepos'), 2);
});

test('repositories are asked for again after ten minutes, and after a failure', async t => {
  const clock = { now: 0 };
  const { fake, client } = await codegenClient(t, { now: () => clock.now });
  fake.troubles.next('listRepos', { status: 500 });
  await assert.rejects(client.findRepo('a/b', { signal }), failsWith('CODEGEN_API_ERROR', { status_code: 500 }));
  await client.findRepo('a/b', { signal });
  fake.runs.addRepo('a/b');
  clock.now = 599_999;
  assert.equal((await client.findRepo('a/b', { signal })).repo, undefined);
  clock.now = 600_000;
  assert.equal((await client.findRepo('a/b', { signal })).repo?.fullName, 'a/b');
});

test('each refusal of the service has its code, and none of them is repeated', async t => {
  const { fake, client } = await codegenClient(t);
  const cases = [
    [401, { detail: 'bad token' }, 'AUTHENTICATION_FAILED', 'Authentication failed. Check CODEGEN_API_TOKEN.'],
    [403, { message: 'no access' }, 'AUTHENTICATION_FAILED', 'Authentication failed. Check CODEGEN_API_TOKEN.'],
    [402, { message: 'Upgrade your plan.' }, 'PLAN_LIMIT_REACHED', 'Upgrade your plan.'],
    [404, { message: 'Agent run not found.' }, 'AGENT_RUN_NOT_FOUND', 'Agent run 5 not found'],
    [
      422,
      { detail: [{ loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' }] },
      'VALIDATION_ERROR',
      'Invalid request: body.prompt: Field required',
    ],
    [418, { message: 'teapot' }, 'CODEGEN_API_ERROR', 'Codegen API error: 418 - teapot'],
    [
      500,
      HTML_ERROR,
      'CODEGEN_API_ERROR',
      'Codegen API error: 500 - Internal Server Error (an HTML page instead of JSON)',
    ],
  ] as const;
  for (const [status, body, code, message] of cases) {
    fake.troubles.next('getRun', { status, body });
    const before = fake.requests.count();
    await assert.rejects(client.getRun(5, { signal }), { code, message });
    assert.equal(fake.requests.count(), before + 1);
  }
});

test('what the service found wrong is in the details, by field', async t => {
  const { fake, client } = await codegenClient(t);
  const detail = [{ loc: ['body', 'repo_id'], msg: 'Input should be a valid integer', type: 'int_type' }];
  fake.troubles.next('createRun', { status: 422, body: { detail } });
  const fields = [{ loc: ['body', 'repo_id'], msg: 'Input should be a valid integer' }];
  await assert.rejects(client.createRun({ prompt: 'x' }, { signal }), failsWith('VALIDATION_ERROR', { fields }));
});

test('an HTML page in place of an answer is reported, not taken for one', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.next('getMe', { body: HTML_ERROR });
  await assert.rejects(client.getMe({ signal }), {
    code: 'CODEGEN_API_ERROR',
    message: 'Codegen API error: 200 - an HTML page instead of JSON',
  });
});

test('a listing that fails twice and then answers succeeds', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.next('listRuns', { status: 503, body: HTML_ERROR });
  fake.troubles.next('listRuns', { cuts: 'before' });
  assert.equal((await client.listRuns({ skip: 0, limit: 10 }, { signal })).total, 0);
  assert.equal(fake.requests.count('listRuns'), 3);
});

test('a creation whose answer is lost, or that a proxy failed, is not repeated, and known to be uncertain', async t => {
  const { fake, client } = await codegenClient(t);
  for (const trouble of [{ cuts: 'after' }, { status: 502, body: HTML_ERROR }, { lie: () => ({}) }] as const) {
    fake.troubles.next('createRun', trouble);
    const before = fake.requests.count();
    await assert.rejects(client.createRun({ prompt: 'x' }, { signal }), isOutcomeUnknown);
    assert.equal(fake.requests.count(), before + 1);
  }
  fake.troubles.next('createRun', { status: 402 });
  await assert.rejects(client.createRun({ prompt: 'x' }, { signal }), (error: unknown) => !isOutcomeUnknown(error));
});

test('nobody there is NETWORK_ERROR, and certainly nothing was done', async t => {
  const { fake, client } = await codegenClient(t);
  await fake.close();
  await assert.rejects(client.createRun({ prompt: 'x' }, { signal }), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'NETWORK_ERROR');
    assert.match(error.message, /^Network error: connection refused \(127\.0\.0\.1:\d+\)$/);
    assert.equal(error.details.attempts, 4);
    return !isOutcomeUnknown(error);
  });
});

test('failure 10: the token is in no error, also when the service repeats it', async t => {
  const { fake, client } = await codegenClient(t);
  fake.troubles.next('getMe', { status: 401, body: { message: `bad token ${fake.token}` } });
  fake.troubles.next('getMe', { status: 500, body: `<html>${fake.token}</html>` });
  fake.troubles.next('getMe', { lie: () => ({ id: 1, github_username: `x-${fake.token}` }) });
  for (let at = 0; at < 2; at++) {
    await assert.rejects(client.getMe({ signal }), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.ok(!`${JSON.stringify(error.toShape())}${error.stack}${String(error.cause)}`.includes(fake.token));
      return true;
    });
  }
  assert.equal((await client.getMe({ signal })).githubName, 'x-[redacted]');
});

test('an organization that is no number, and an address that is none, are refused before anything is asked', () => {
  const options = { shared: new SharedLimits() };
  for (const [orgId, baseUrl] of [
    ['acme', 'https://api.codegen.com'],
    ['1', 'ftp://api.codegen.com'],
    ['1', 'https://user:pass@api.codegen.com'],
    ['1', 'nonsense'],
  ] as const)
    assert.throws(() => createCodegenClient({ orgId, baseUrl, token: 't' }, options), failsWith('VALIDATION_ERROR'));
});
