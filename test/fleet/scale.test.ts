import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { fleetServer, listIn, objectIn } from './fleet-server.ts';

const LIST = 'get /api/v2/tasks';
const AGENTS = 1000;

test('failure 11: a thousand agents are listed in three round trips, for twenty callers as for one', async () => {
  await using fleet = await fleetServer();
  const { coder, call } = fleet;
  for (let at = 0; at < AGENTS; at += 1) coder.fleet.addTask();
  coder.always({ delayMs: 50 });
  const before = coder.count();
  const both = Array.from({ length: 20 }, (_, at) =>
    at % 2 === 0 ? call('list_all_agents', { limit: 1000 }) : call('get_fleet_status_metrics'),
  );
  for (const { output } of await Promise.all(both)) assert.equal(output.total_count ?? output.total_agents, AGENTS);
  assert.ok(coder.count() - before <= 3, `${coder.count() - before} requests`);
  const seen = new Set<unknown>();
  let cursor: unknown;
  do {
    const { output } = await call('list_all_agents', { limit: 300, ...(typeof cursor === 'string' && { cursor }) });
    for (const { id } of listIn(output, 'agents')) seen.add(id);
    cursor = output.next_cursor;
  } while (typeof cursor === 'string');
  assert.equal(seen.size, AGENTS);
  coder.always();
});

test('failure 11: a change is seen within 5 s, a failure is an event within 10 s, and an outage is over within 30 s', async () => {
  await using fleet = await fleetServer();
  const { coder, call } = fleet;
  const task = coder.fleet.addTask();
  const poll = async (after?: unknown) =>
    (await call('poll_events', { stream: 'fleet', timeout_ms: 500, ...(typeof after === 'string' && { after }) }))
      .output;
  const { cursor } = await poll();
  await eventually(() => coder.count(LIST) > 1);
  const status = async () => listIn((await call('list_all_agents')).output, 'agents')[0]?.status;
  assert.equal(await status(), 'idle');
  task.state = { state: 'working', message: '', timestamp: '2026-03-01T13:00:00Z', uri: '' };
  await eventually(async () => (await status()) === 'busy', 5_000);
  task.status = 'error';
  let after: unknown = cursor;
  await eventually(async () => {
    const page = await poll(after);
    after = page.cursor;
    return listIn(page, 'events').some(({ type, agentId }) => type === 'task_failed' && agentId === task.id);
  });
  coder.always({ status: 503 });
  await eventually(async () => listIn((await call('list_all_agents')).output, 'warnings').length === 1, 30_000);
  task.status = 'active';
  task.state = undefined;
  coder.always();
  await eventually(async () => {
    const { output } = await call('list_all_agents');
    return listIn(output, 'warnings').length === 0 && listIn(output, 'agents')[0]?.status === 'running';
  }, 30_000);
  const list = objectIn({ list: (await call('get_fleet_status_metrics')).output }, 'list');
  assert.equal(list.agents_running, 1);
});
