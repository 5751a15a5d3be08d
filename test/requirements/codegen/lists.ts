import assert from 'node:assert/strict';
import type { CodegenVerifier } from './verify.ts';
import { type Json, listOf } from '../callers.ts';

const idsOf = ({ items }: Json) => listOf(items).map(({ id }) => id);

/** Every upstream word with its state, and the words of a filter that mean it. */
const words = [
  ['ACTIVE', 'active', ['running', 'Active']],
  ['RUNNING', 'active', ['RUNNING', 'active']],
  ['EVALUATION', 'active', ['running', 'evaluation']],
  ['PENDING', 'active', ['active', 'Pending']],
  ['COMPLETE', 'completed', ['complete', 'COMPLETED', 'done']],
  ['ERROR', 'failed', ['error', 'failed']],
  ['FAILED', 'failed', ['FAILED', 'error']],
  ['TIMEOUT', 'failed', ['failed', 'timeout']],
  ['MAX_ITERATIONS_REACHED', 'failed', ['error', 'max_iterations_reached']],
  ['OUT_OF_TOKENS', 'failed', ['failed', 'out_of_tokens']],
  ['CANCELLED', 'cancelled', ['cancelled', 'canceled', 'stopped']],
  ['STOPPED', 'cancelled', ['canceled', 'STOPPED']],
  ['DREAMING', 'active', ['DREAMING']],
] as const;

/** Lists, and the words for what a run is doing. */
export function declareLists({ overMcp }: CodegenVerifier): void {
  overMcp('tool.list', async ({ ok, fake }) => {
    for (let at = 0; at < 45; at += 1) fake.runs.add({ metadata: null });
    const started = await ok('codegen_new', { query: 'x', metadata: { mine: 1 } });
    const run = fake.runs.add({ status: 'COMPLETE', result: 'r', summary: 's', source_type: 'SLACK' });
    const { items, ...page } = await ok('codegen_list');
    assert.deepEqual(page, { status: 'success', total: 47, page: 1, size: 20, pages: 3, complete: false });
    const [first, second, third] = listOf(items);
    assert.deepEqual(first, {
      id: run.id,
      status: 'COMPLETE',
      state: 'completed',
      created_at: first?.created_at,
      web_url: run.web_url,
      metadata: {},
      result: 'r',
      summary: 's',
      source_type: 'SLACK',
      task_id: null,
      pull_requests: [],
    });
    assert.match(String(first?.created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual([second?.id, second?.task_id], [started.agent_run_id, started.task_id]);
    assert.deepEqual(second?.metadata, started.metadata);
    assert.ok(third && !('result' in third) && !('summary' in third));
    const last = await ok('codegen_list', { skip: 40, limit: 20 });
    assert.deepEqual([idsOf(last).length, last.page, last.complete], [7, 3, true]);
  });

  overMcp('list.empty', async ({ ok }) => {
    assert.deepEqual(await ok('codegen_list', { status: 'running' }), {
      status: 'success',
      items: [],
      total: 0,
      page: 1,
      size: 20,
      pages: 1,
      complete: true,
    });
  });

  overMcp('list.upstream', async ({ ok, fake, fails }) => {
    const slack = fake.runs.add({ source_type: 'SLACK' });
    fake.runs.add();
    const found = await ok('codegen_list', { source_type: 'SLACK', user_id: 7 });
    assert.deepEqual([found.total, idsOf(found)], [1, [slack.id]]);
    fake.troubles.next('listRuns', { lie: () => ({ items: [{ id: 'x' }], total: 1, page: 1, size: 1, pages: 1 }) });
    assert.equal((await fails('codegen_list')).code, 'CODEGEN_API_ERROR');
  });

  overMcp('list.filters', async ({ ok, fake }) => {
    const old = fake.runs.add({ metadata: { repo: 'Wanted/One' }, status: 'ACTIVE' });
    for (let at = 0; at < 230; at += 1) fake.runs.add({ status: 'COMPLETE' });
    const url = 'https://github.com/wanted/one/pull/5';
    const request = { id: 5, title: null, url, created_at: 'x', head_branch_name: null };
    const recent = fake.runs.add({ github_pull_requests: [request], status: 'ACTIVE' });
    const found = await ok('codegen_list', { repo: 'wanted/ONE', status: 'running', limit: 1 });
    assert.deepEqual([idsOf(found), found.total, found.complete], [[recent.id], 1, false]);
    const second = await ok('codegen_list', { repo: 'wanted/ONE', status: 'running', limit: 1, skip: 1 });
    assert.deepEqual(
      [idsOf(second), second.total, second.page, second.pages, second.complete],
      [[old.id], 2, 2, 2, true],
    );
    const done = await ok('codegen_list', { status: 'done', limit: 100, skip: 200 });
    assert.deepEqual([idsOf(done).length, done.total, done.pages], [30, 230, 3]);
  });

  overMcp('list.most', async ({ ok, fake }) => {
    for (let at = 0; at < 1001; at += 1) fake.runs.add();
    const found = await ok('codegen_list', { status: 'stopped' });
    assert.deepEqual([found.total, found.complete], [0, false]);
    assert.equal(fake.requests.count('listRuns'), 10);
  });

  overMcp('state.words', async ({ ok, fake }) => {
    const runs = words.map(([status]) => fake.runs.add({ status }));
    const silent = fake.runs.add({ status: null });
    for (const item of listOf((await ok('codegen_list')).items)) {
      const state = words.find(([status]) => status === item.status)?.[1] ?? 'active';
      assert.equal(item.state, state, String(item.status));
    }
    assert.equal((await ok('codegen_task_status', { agent_run_id: silent.id })).state, 'active');
    const filters = new Set(words.flatMap(([, , meant]) => [...meant]));
    for (const filter of filters) {
      const meant = words.filter(([, , filters]) => filters.some(one => one.toLowerCase() === filter.toLowerCase()));
      const found = idsOf(await ok('codegen_list', { status: filter }));
      for (const [status] of meant) assert.ok(found.includes(runs[words.findIndex(([word]) => word === status)]?.id));
    }
    assert.deepEqual(idsOf(await ok('codegen_list', { status: 'dreaming' })), []);
  });

  overMcp('state.only', async ({ ok, fake }) => {
    const runs = new Map(words.map(([status]) => [fake.runs.add({ status }).id, status] as const));
    for (const [filter, meant] of [
      ['running', 'ACTIVE,EVALUATION,PENDING,RUNNING'],
      ['pending', 'PENDING'],
      ['evaluation', 'EVALUATION'],
      ['done', 'COMPLETE'],
      ['failed', 'ERROR,FAILED,MAX_ITERATIONS_REACHED,OUT_OF_TOKENS,TIMEOUT'],
      ['timeout', 'TIMEOUT'],
      ['out_of_tokens', 'OUT_OF_TOKENS'],
      ['stopped', 'CANCELLED,STOPPED'],
    ] as const) {
      const found = idsOf(await ok('codegen_list', { status: filter })).map(id => runs.get(Number(id)));
      assert.equal(found.sort().join(), meant, filter);
    }
  });
}
