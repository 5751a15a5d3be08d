import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codegenBench } from '../support/codegen-bench.ts';
import { eventually } from '../support/eventually.ts';

test('a reader that comes back gets what came after, and nothing after the end', async () => {
  await using stage = await codegenBench();
  const { task_id } = await stage.ok('new', { query: 'x' });
  const read = async (after?: string) => {
    const headers = after === undefined ? {} : { 'last-event-id': after };
    const response = await fetch(`${stage.url}/sse?task_id=${task_id}`, { headers });
    const text = await response.text();
    const events = [...text.matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (.*)$/gm)];
    return { response, events: events.map(([, id, type, data]) => ({ id, type, task: JSON.parse(data ?? '') })) };
  };
  const following = Promise.all([read(), read()]);
  await eventually(() => stage.fake.requests.count('getRun') > 0, 30_000);
  stage.fake.runs.change(12345, { status: 'EVALUATION' });
  await eventually(async () => (await stage.ok('task_status', { task_id })).upstream_status === 'EVALUATION', 30_000);
  stage.fake.runs.change(12345, { status: 'COMPLETE', result: 'done' });
  const [one, two] = await following;
  assert.deepEqual(one?.events, two?.events);
  assert.deepEqual(
    one?.events.map(({ type }) => type),
    ['task_update', 'task_update', 'task_complete'],
  );
  assert.equal(one?.events.at(-1)?.task.result, 'done');
  assert.equal(one?.response.headers.get('cache-control'), 'no-cache');
  assert.equal(one?.response.headers.get('x-accel-buffering'), 'no');
  const [first, , last] = one?.events ?? [];
  assert.deepEqual((await read(first?.id)).events, one?.events.slice(1));
  assert.equal((await read(last?.id)).response.status, 204);
  assert.deepEqual((await read()).events, one?.events.slice(-1));
});

test('a reader that comes later is told the present state first, also of what no event told', async () => {
  await using stage = await codegenBench();
  const { runs } = stage.fake;
  const { task_id } = await stage.ok('new', { query: 'x' });
  const request = { id: 3, title: 't', url: 'https://github.com/a/b/pull/3', created_at: 'x', head_branch_name: 'h' };
  runs.change(12345, { github_pull_requests: [request] });
  const task = () => stage.ok('task_status', { task_id });
  await eventually(async () => JSON.stringify((await task()).pull_requests).includes('pull/3'), 30_000);
  const before = await task();
  const response = await fetch(`${stage.url}/sse?task_id=${task_id}`);
  runs.change(12345, { status: 'STOPPED' });
  const [first] = (await response.text()).matchAll(/^data: (.*)$/gm);
  assert.deepEqual(JSON.parse(first?.[1] ?? ''), before);
});

test('pages of configured origins may read, and no others', async () => {
  const friend = 'https://app.example';
  await using stage = await codegenBench({ origins: [friend] });
  const preflight = (origin: string) =>
    fetch(`${stage.url}/mcp`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const allowed = await preflight(friend);
  assert.deepEqual([allowed.status, allowed.headers.get('access-control-allow-origin')], [204, friend]);
  const foreign = await preflight('https://evil.example');
  assert.deepEqual([foreign.status, foreign.headers.get('access-control-allow-origin')], [403, null]);
});
