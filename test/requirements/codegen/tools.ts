import assert from 'node:assert/strict';
import { saidOf } from '../tool-arguments.ts';
import type { CodegenVerifier } from './verify.ts';
import { listOf } from '../callers.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NOBODY = '550e8400-e29b-41d4-a716-446655440000';
const image = 'data:image/png;base64,AA==';

/** The six tools, each with all that it takes and gives. */
export function declareTools({ overMcp }: CodegenVerifier): void {
  overMcp('tool.new', async ({ ok, fake }) => {
    fake.runs.addRepo('Zeeeepa/codegen.py');
    const { task_id, agent_run_id, web_url, ...started } = await ok('codegen_new', {
      query: 'do it',
      repo: 'zeeeepa/CODEGEN.py',
      branch: 'b',
      pr: 9,
      task: 'CREATE_PLAN',
      metadata: { mine: { deep: [null, 1] }, command: 'other', repo: 'other', task_type: 'other' },
      model: 'm',
      agent_type: 'claude_code',
      images: [image],
    });
    const metadata = {
      mine: { deep: [null, 1] },
      command: 'new',
      repo: 'zeeeepa/CODEGEN.py',
      branch: 'b',
      pr: 9,
      task_type: 'CREATE_PLAN',
    };
    assert.deepEqual(started, { status: 'success', state: 'active', metadata, orchestrator_run_id: null });
    assert.match(String(task_id), UUID);
    assert.equal(web_url, `https://codegen.com/runs/${agent_run_id}`);
    const [sent] = fake.requests.all.filter(({ kind }) => kind === 'createRun');
    assert.deepEqual(sent?.body, {
      prompt: 'do it\n\nRepository: zeeeepa/CODEGEN.py\nBranch: b\nPull request: #9\nTask: CREATE_PLAN',
      metadata: { ...metadata, task_id },
      repo_id: 1,
      model: 'm',
      agent_type: 'claude_code',
      images: [image],
    });
  });

  overMcp('new.prompt', async ({ ok, fake }) => {
    for (const [args, prompt] of [
      [{}, 'x'],
      [{ branch: 'b' }, 'x\n\nBranch: b'],
      [{ task: 'T', pr: 1 }, 'x\n\nPull request: #1\nTask: T'],
      [{ metadata: { branch: 'b' } }, 'x'],
    ] as const) {
      const { agent_run_id } = await ok('codegen_new', { query: 'x', ...args });
      assert.deepEqual(fake.runs.promptsOf(Number(agent_run_id)), [prompt]);
    }
  });

  overMcp('new.repo', async ({ ok, fails, fake, target }) => {
    for (const name of ['one/alpha', 'one/alphb', 'one/alphc', 'one/alphd', 'one/alphe', 'one/alphf', 'far/away'])
      fake.runs.addRepo(name);
    const missing = await fails('codegen_new', { query: 'x', repo: 'one/alphx' });
    assert.deepEqual([missing.code, missing.error], ['REPO_NOT_FOUND', 'Repository one/alphx not found']);
    const near = Object(missing.details).near ?? [];
    assert.equal(near.length, 5);
    assert.ok(!near.includes('far/away'));
    assert.equal(fake.requests.count('createRun'), 0);
    await ok('codegen_new', { query: 'x', repo: 'far/away' });
    const asked = fake.requests.count('listRepos');
    assert.ok(asked >= 1 && asked <= target.directories.length, 'each hub keeps them for ten minutes');
  });

  overMcp('new.repo_unknown', async ({ ok, fake }) => {
    fake.troubles.always('listRepos', { status: 404, body: { message: 'No repos', status_code: 404 } });
    const { warnings, metadata } = await ok('codegen_new', { query: 'x', repo: 'a/b' });
    assert.match(String(warnings), /could not be looked up/);
    assert.equal(Object(metadata).repo, 'a/b');
    const [sent] = fake.requests.all.filter(({ kind }) => kind === 'createRun');
    assert.ok(!('repo_id' in Object(sent?.body)));
  });

  overMcp('new.idempotency', async ({ ok, fails, fake, wire }) => {
    const args = { query: 'x', idempotency_key: `key ${wire}` };
    const first = await ok('codegen_new', args);
    assert.deepEqual(await ok('codegen_new', args), first);
    assert.equal((await fails('codegen_new', { ...args, query: 'y' })).code, 'IDEMPOTENCY_CONFLICT');
    assert.equal(fake.requests.count('createRun'), 1);
  });

  overMcp('new.orchestrator', async ({ ok, fails, fake }) => {
    const { id } = fake.runs.add();
    for (const args of [
      { orchestrator_run_id: id },
      { orchestrator_run_id: String(id) },
      { metadata: { orchestrator_run_id: id } },
      { metadata: { orchestrator_run_id: String(id) } },
      { orchestrator_run_id: id, metadata: { orchestrator_run_id: String(id) } },
    ]) {
      const child = await ok('codegen_new', { query: 'x', ...args });
      assert.equal(child.orchestrator_run_id, id);
      assert.equal(Object(child.metadata).orchestrator_run_id, id);
    }
    const made = fake.requests.count('createRun');
    const both = { orchestrator_run_id: id, metadata: { orchestrator_run_id: id + 1 } };
    assert.equal((await fails('codegen_new', { query: 'x', ...both })).code, 'VALIDATION_ERROR');
    const nonsense = { metadata: { orchestrator_run_id: 'seven' } };
    assert.equal((await fails('codegen_new', { query: 'x', ...nonsense })).code, 'VALIDATION_ERROR');
    assert.equal(fake.requests.count('createRun'), made);
    const children = listOf((await ok('codegen_list', { orchestrator_run_id: id })).items);
    assert.equal(children.length, 5);
  });

  overMcp('tool.resume', async ({ ok, fails, fake, until }) => {
    const run = fake.runs.add({ status: 'COMPLETE', result: 'first', metadata: null });
    const args = { agent_run_id: run.id, query: 'more', task: 'ANALYZE', metadata: { mine: 1 }, images: [image] };
    const { task_id, ...resumed } = await ok('codegen_resume', args);
    assert.match(String(task_id), UUID);
    assert.deepEqual(resumed, {
      status: 'success',
      agent_run_id: run.id,
      state: 'active',
      web_url: run.web_url,
      metadata: { mine: 1, command: 'resume', task_type: 'ANALYZE' },
      orchestrator_run_id: null,
    });
    const [sent] = fake.requests.all.filter(({ kind }) => kind === 'resumeRun');
    assert.deepEqual(sent?.body, { agent_run_id: run.id, prompt: 'more', images: [image] });
    const again = await fails('codegen_resume', args);
    assert.deepEqual(
      [again.code, again.error],
      ['RUN_NOT_RESUMABLE', `Agent run ${run.id} is not in a resumable state`],
    );
    assert.match(saidOf(again), /Current status: ACTIVE\. Only agent runs with status 'COMPLETE' can be resumed\./);
    fake.runs.change(run.id, { status: 'COMPLETE', result: 'second' });
    assert.equal((await until(task_id, 'completed')).result, 'second');
    for (const status of ['FAILED', 'CANCELLED', 'EVALUATION', null]) {
      fake.runs.change(run.id, { status });
      assert.equal((await fails('codegen_resume', args)).code, 'RUN_NOT_RESUMABLE', String(status));
    }
    assert.equal(fake.requests.count('resumeRun'), 1);
  });

  overMcp('tool.task_status', async ({ ok, fails, fake, until }) => {
    const started = await ok('codegen_new', { query: 'x', task: 'T' });
    const { created_at, ...task } = await ok('codegen_task_status', { task_id: started.task_id });
    assert.match(String(created_at), TIME);
    assert.deepEqual(task, {
      ...started,
      upstream_status: 'ACTIVE',
      result: null,
      error: null,
      completed_at: null,
      pull_requests: [],
    });
    const request = { id: 3, title: 't', url: 'https://github.com/a/b/pull/3', created_at: 'x', head_branch_name: 'h' };
    const end = { status: 'COMPLETE', result: 'it is done', github_pull_requests: [request] };
    fake.runs.change(Number(started.agent_run_id), end);
    const ended = await until(String(started.task_id).toUpperCase(), 'completed');
    assert.match(String(ended.completed_at), TIME);
    assert.deepEqual([ended.result, ended.error, ended.upstream_status], ['it is done', null, 'COMPLETE']);
    const { created_at: _, ...told } = request;
    assert.deepEqual(ended.pull_requests, [told]);
    assert.deepEqual(await ok('codegen_task_status', { agent_run_id: started.agent_run_id }), ended);
    const unknown = await fails('codegen_task_status', { task_id: NOBODY });
    assert.deepEqual([unknown.code, unknown.error], ['TASK_NOT_FOUND', `Task ${NOBODY} not found`]);
    for (const args of [{}, { task_id: NOBODY, agent_run_id: 1 }])
      assert.equal((await fails('codegen_task_status', args)).code, 'VALIDATION_ERROR');
  });

  overMcp('task_status.foreign', async ({ ok, fails, fake }) => {
    const created_at = '2025-08-12 12:34:56.789000';
    const run = fake.runs.add({ created_at, status: 'TIMEOUT', metadata: { task_id: NOBODY, a: 1 } });
    assert.deepEqual(await ok('codegen_task_status', { agent_run_id: run.id }), {
      status: 'success',
      task_id: null,
      agent_run_id: run.id,
      state: 'failed',
      upstream_status: 'TIMEOUT',
      result: null,
      error: `Agent run ${run.id} ended with status TIMEOUT`,
      created_at: '2025-08-12T12:34:56.789Z',
      completed_at: null,
      web_url: run.web_url,
      metadata: { a: 1 },
      orchestrator_run_id: null,
      pull_requests: [],
    });
    const unknown = await fails('codegen_task_status', { agent_run_id: 4 });
    assert.deepEqual([unknown.code, unknown.error], ['AGENT_RUN_NOT_FOUND', 'Agent run 4 not found']);
  });

  overMcp('task_status.wait', async ({ ok, fake }) => {
    const { task_id, agent_run_id } = await ok('codegen_new', { query: 'x' });
    assert.equal((await ok('codegen_task_status', { task_id, wait_seconds: 1 })).state, 'active');
    const waiting = ok('codegen_task_status', { task_id, wait_seconds: 300 });
    const strange = fake.runs.add();
    const other = ok('codegen_task_status', { agent_run_id: strange.id, wait_seconds: 300 });
    for (const id of [Number(agent_run_id), strange.id]) fake.runs.change(id, { status: 'STOPPED' });
    const ended = await waiting;
    assert.deepEqual([ended.state, ended.error], ['cancelled', `Agent run ${agent_run_id} ended with status STOPPED`]);
    assert.equal((await other).state, 'cancelled');
  });

  overMcp('tool.logs', async ({ ok, fails, fake }) => {
    const { id } = fake.runs.add();
    const entry = {
      created_at: 'as it came',
      tool_name: 'search',
      message_type: 'A_NEW_KIND',
      thought: null,
      observation: { a: [1, null] },
      tool_input: { q: 'x' },
      tool_output: null,
    };
    fake.runs.addLogs(id, ...Array.from({ length: 24 }, () => ({})), entry);
    const { logs, ...page } = await ok('codegen_logs', { agent_run_id: id, skip: 20, limit: 10 });
    assert.deepEqual(page, { status: 'success', total_logs: 25, page: 3, size: 10, pages: 3 });
    assert.equal(listOf(logs).length, 5);
    assert.deepEqual(listOf(logs).at(-1), { agent_run_id: id, ...entry });
    assert.deepEqual(Object.keys(listOf(logs)[0] ?? {}).sort(), ['agent_run_id', ...Object.keys(entry)].sort());
    const [newest] = listOf((await ok('codegen_logs', { agent_run_id: id, limit: 1, reverse: true })).logs);
    assert.equal(newest?.message_type, 'A_NEW_KIND');
    const unknown = await fails('codegen_logs', { agent_run_id: 4 });
    assert.deepEqual([unknown.code, unknown.error], ['AGENT_RUN_NOT_FOUND', 'Agent run 4 not found']);
  });
}
