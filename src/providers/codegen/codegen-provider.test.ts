import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FakeCodegen, startFakeCodegen } from '../../../test/support/fake-codegen/fake-codegen.ts';
import { SharedLimits } from '../http/shared-limits.ts';
import type { AgentProvider } from '../provider.ts';
import { agentStatusOf } from './agents.ts';
import { codegenRules, createCodegenClient } from './codegen-client.ts';
import { createCodegenProvider } from './codegen-provider.ts';

const { signal } = new AbortController();
const DAY_MS = 24 * 3600_000;

interface Setup {
  readonly fake: FakeCodegen;
  readonly provider: AgentProvider;
  readonly clock: { now: number };
}

async function setUp(t: TestContext): Promise<Setup> {
  const fake = await startFakeCodegen();
  t.after(() => fake.close());
  const { origin: baseUrl, orgId, token } = fake;
  const rules = { ...codegenRules, windows: {} };
  const client = createCodegenClient({ baseUrl, orgId, token }, { shared: new SharedLimits(), rules, firstRetryMs: 1 });
  const clock = { now: Date.now() };
  const provider = createCodegenProvider({ client: () => client, lookAfterMs: [1, 1, 1], now: () => clock.now });
  return { fake, provider, clock };
}

const ref = (id: number | string) => ({ user: 'me', id: String(id) });

test('every word of the service has its status', () => {
  const words = {
    busy: ['ACTIVE', 'RUNNING', 'EVALUATION'],
    running: ['PENDING'],
    idle: ['COMPLETE'],
    error: ['ERROR', 'FAILED', 'TIMEOUT', 'MAX_ITERATIONS_REACHED', 'OUT_OF_TOKENS'],
    stopped: ['CANCELLED', 'STOPPED'],
    offline: [null, '', 'DREAMING'],
  };
  for (const [status, known] of Object.entries(words))
    for (const word of known) assert.equal(agentStatusOf(word), status);
});

test('a run is an agent with what the service tells of it, and nothing that it does not tell', async t => {
  const { fake, provider } = await setUp(t);
  const { id } = fake.runs.add({
    status: 'COMPLETE',
    created_at: '2026-01-02 03:04:05',
    result: 'done',
    github_pull_requests: [{ id: 1, url: 'https://github.com/o/r/pull/4', created_at: 'x' }],
  });
  assert.deepEqual(await provider.get(ref(id), { signal }), {
    provider: 'codegen',
    id: String(id),
    user: 'me',
    workspaceId: null,
    workspaceName: 'o/r',
    name: null,
    status: 'idle',
    createdAt: '2026-01-02T03:04:05.000Z',
    updatedAt: null,
    lastActivityAt: null,
    capabilities: ['logs', 'send_input'],
    labels: [],
    initialPrompt: null,
    connected: false,
    metadata: {
      provider_status: 'COMPLETE',
      state_message: 'done',
      source_type: 'API',
      pull_requests: [{ id: 1, title: null, url: 'https://github.com/o/r/pull/4', head_branch_name: null }],
    },
    url: `https://codegen.com/runs/${id}`,
  });
});

test('the list has runs that go on and those of the last day, however many ended before', async t => {
  const { fake, provider, clock } = await setUp(t);
  const old = new Date(clock.now - 2 * DAY_MS).toISOString();
  const goesOn = fake.runs.add({ status: 'ACTIVE', created_at: old });
  for (let at = 0; at < 230; at++) fake.runs.add({ status: 'COMPLETE', created_at: old });
  const fresh = fake.runs.add({ status: 'FAILED' });
  const ids = async (includeInactive: boolean) =>
    (await provider.list({ includeInactive, signal })).map(({ id }) => Number(id));
  assert.deepEqual(await ids(false), [fresh.id, goesOn.id]);
  assert.equal((await ids(true)).length, 232);
});

test('a list reads no further than to the last run of interest, and all of them every five minutes', async t => {
  const { fake, provider, clock } = await setUp(t);
  const old = new Date(clock.now - 2 * DAY_MS).toISOString();
  const ended = fake.runs.add({ status: 'COMPLETE', created_at: old });
  for (let at = 0; at < 300; at++) fake.runs.add({ status: 'COMPLETE', created_at: old });
  for (let at = 0; at < 50; at++) fake.runs.add();
  const requestsOfList = async () => {
    const before = fake.requests.count('listRuns');
    const agents = await provider.list({ includeInactive: false, signal });
    return { requests: fake.requests.count('listRuns') - before, agents: agents.length };
  };
  assert.deepEqual(await requestsOfList(), { requests: 4, agents: 50 });
  assert.deepEqual(await requestsOfList(), { requests: 1, agents: 50 });
  for (let at = 0; at < 60; at++) fake.runs.add();
  assert.deepEqual(await requestsOfList(), { requests: 2, agents: 110 });
  fake.runs.change(ended.id, { status: 'ACTIVE' });
  clock.now += 300_000;
  assert.deepEqual(await requestsOfList(), { requests: 5, agents: 111 });
  assert.deepEqual(await requestsOfList(), { requests: 5, agents: 111 });
});

test('logs are told oldest first, up to the newest thousand', async t => {
  const { fake, provider } = await setUp(t);
  const { id } = fake.runs.add({ created_at: '2026-01-01T00:00:00Z' });
  fake.runs.addLogs(id, { message_type: 'ERROR', observation: { a: 1 } });
  fake.runs.addLogs(
    id,
    ...Array.from({ length: 1050 }, (_, at) => ({ thought: `${at}`, created_at: '2026-01-01T00:01:00Z' })),
  );
  const { entries } = await provider.logs(ref(id), { source: 'task', signal });
  assert.deepEqual([entries.length, entries[0]?.message, entries.at(-1)?.message], [1000, '50', '1049']);
  const few = fake.runs.add({ created_at: '2026-01-01T00:00:00Z' });
  fake.runs.addLogs(few.id, { message_type: 'ERROR', observation: { a: 1 } });
  fake.runs.addLogs(few.id, ...Array.from({ length: 150 }, (_, at) => ({ thought: `${at}` })));
  const all = await provider.logs(ref(few.id), { source: 'all', signal });
  assert.deepEqual([all.entries.length, all.entries.at(-1)?.message], [151, '149']);
  assert.deepEqual(all.entries[0], {
    timestamp: '2026-01-01T00:00:00.000Z',
    level: 'error',
    message: '{"a":1}',
    agentId: String(few.id),
    taskId: null,
    metadata: {
      created_at: null,
      tool_name: null,
      message_type: 'ERROR',
      observation: { a: 1 },
      tool_input: null,
      tool_output: null,
    },
  });
  assert.deepEqual((await provider.logs(ref(few.id), { source: 'agent', signal })).entries, []);
});

test('a created run has its repository, and is found again by the call that it was made for', async t => {
  const { fake, provider } = await setUp(t);
  const { id: repoId } = fake.runs.addRepo('o/r');
  const request = { user: 'me', prompt: 'do it', name: 'O/R', callId: 'one' };
  assert.equal(await provider.findByName({ user: 'me', name: 'O/R', signal }), undefined);
  assert.equal(await provider.findCreated(request, { signal }), undefined);
  const made = await provider.create(request, { signal });
  assert.equal(made.initialPrompt, 'do it');
  assert.equal(made.workspaceName, 'o/r');
  const [seen] = fake.requests.all.filter(({ kind }) => kind === 'createRun');
  assert.equal(JSON.parse(JSON.stringify(seen?.body)).repo_id, repoId);
  assert.equal((await provider.findCreated(request, { signal }))?.id, made.id);
  assert.equal(await provider.findCreated({ ...request, callId: 'another' }, { signal }), undefined);
});

test('failure 7 of the fleet: a creation whose answer is lost is found, not repeated', async t => {
  const { fake, provider } = await setUp(t);
  fake.runs.addRepo('o/r');
  fake.troubles.next('createRun', { cuts: 'after' });
  const made = await provider.create({ user: 'me', prompt: 'do it', name: 'o/r' }, { signal });
  assert.equal(made.status, 'busy');
  fake.troubles.next('createRun', { cuts: 'before' });
  await assert.rejects(provider.create({ user: 'me', prompt: 'do it', name: 'o/r' }, { signal }), {
    code: 'NETWORK_ERROR',
  });
  assert.equal(fake.requests.count('createRun'), 2);
});

test('a repository that is not there, and what runs have not, are refused before anything is made', async t => {
  const { fake, provider } = await setUp(t);
  fake.runs.addRepo('owner/repo');
  const request = { user: 'me', prompt: 'x', name: 'owner/rpeo' };
  await assert.rejects(provider.create(request, { signal }), {
    code: 'WORKSPACE_NOT_FOUND',
    message: 'Workspace not found: owner/rpeo',
    details: { workspace_name: 'owner/rpeo', user: 'me', near: ['owner/repo'] },
  });
  const lacking = [{ template: 't' }, { parameters: { a: 1 } }, { preset: 'p' }];
  for (const given of lacking)
    await assert.rejects(provider.create({ ...request, name: 'owner/repo', ...given }, { signal }), {
      code: 'CAPABILITY_UNSUPPORTED',
    });
  assert.equal(fake.requests.count('createRun'), 0);
});

test('input resumes a complete run; to any other nothing is sent', async t => {
  const { fake, provider } = await setUp(t);
  const { id } = fake.runs.add({ status: 'COMPLETE' });
  await provider.send(ref(id), { text: 'go on', interrupt: false, signal });
  assert.deepEqual(fake.runs.promptsOf(id), ['go on']);
  const input = { text: 'more', interrupt: false, signal };
  await assert.rejects(provider.send(ref(id), input), { code: 'AGENT_BUSY' });
  await assert.rejects(provider.send(ref(id), { ...input, interrupt: true }), { code: 'CAPABILITY_UNSUPPORTED' });
  for (const status of ['FAILED', 'STOPPED', 'DREAMING', null]) {
    fake.runs.change(id, { status });
    await assert.rejects(provider.send(ref(id), input), { code: 'AGENT_OFFLINE' });
  }
  assert.equal(fake.requests.count('resumeRun'), 1);
});

test('an input whose answer is lost is NETWORK_ERROR, and not sent again', async t => {
  const { fake, provider } = await setUp(t);
  const { id } = fake.runs.add({ status: 'COMPLETE' });
  fake.troubles.next('resumeRun', { status: 502 });
  await assert.rejects(provider.send(ref(id), { text: 'x', interrupt: false, signal }), { code: 'NETWORK_ERROR' });
  assert.equal(fake.requests.count('resumeRun'), 1);
});

test('an agent that is none is AGENT_NOT_FOUND, whatever is asked of it', async t => {
  const { fake, provider } = await setUp(t);
  const error = { code: 'AGENT_NOT_FOUND', message: 'Agent not found: 99', details: { user: 'me', agent_id: '99' } };
  await assert.rejects(provider.get(ref(99), { signal }), error);
  await assert.rejects(provider.logs(ref(99), { source: 'all', signal }), error);
  await assert.rejects(provider.send(ref(99), { text: 'x', interrupt: false, signal }), error);
  for (const action of ['pause', 'resume', 'interrupt'] as const)
    await assert.rejects(provider[action](ref(99), { signal }), error);
  const before = fake.requests.count();
  for (const id of ['x', '', '1e3', '99999999999999999999'])
    await assert.rejects(provider.get(ref(id), { signal }), { code: 'AGENT_NOT_FOUND' });
  assert.equal(fake.requests.count(), before);
});

test('what the service cannot do is CAPABILITY_UNSUPPORTED', async t => {
  const { fake, provider } = await setUp(t);
  const { id } = fake.runs.add();
  for (const action of ['pause', 'interrupt'] as const)
    await assert.rejects(provider[action](ref(id), { signal }), { code: 'CAPABILITY_UNSUPPORTED' });
  await assert.rejects(provider.deleteWorkspace({ workspaceId: 'x', signal }), { code: 'CAPABILITY_UNSUPPORTED' });
  await provider.resume(ref(id), { signal });
});

test('health follows what the service answered', async t => {
  const { fake, provider } = await setUp(t);
  assert.equal(provider.health().state, 'unknown');
  await provider.list({ includeInactive: false, signal });
  assert.equal(provider.health().state, 'ok');
  fake.troubles.always('listRuns', { status: 503, body: { message: 'down' } });
  await assert.rejects(provider.list({ includeInactive: false, signal }), { code: 'CODEGEN_API_ERROR' });
  assert.equal(provider.health().state, 'failing');
  assert.match(provider.health().reason ?? '', /503 - down/);
});
