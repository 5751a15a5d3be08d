import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { fleetServer, listIn } from './fleet-server.ts';

const LIST = 'get /api/v2/tasks';
const AGENTS = 1000;

// The one counts requests, the other mostly waits.
describe('a fleet', { concurrency: true }, () => {
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
    await using fleet = await fleetServer({ env: { CODER_MAX_RETRIES: '1' } });
    const { coder, call } = fleet;
    const [task, other] = [coder.fleet.addTask(), coder.fleet.addTask()];
    const poll = async (after?: unknown) =>
      (await call('poll_events', { stream: 'fleet', timeout_ms: 500, ...(typeof after === 'string' && { after }) }))
        .output;
    const { cursor } = await poll();
    await eventually(() => coder.count(LIST) > 1);
    const agents = async () => listIn((await call('list_all_agents')).output, 'agents');
    const isNow = async ({ id }: { id: string }, status: string) =>
      (await agents()).some(agent => agent.id === id && agent.status === status);
    assert.ok((await isNow(task, 'idle')) && (await isNow(other, 'idle')));
    task.state = { state: 'working', message: '', timestamp: '2026-03-01T13:00:00Z', uri: '' };
    other.status = 'error';
    const isTold = async () => {
      let after: unknown = cursor;
      await eventually(async () => {
        const page = await poll(after);
        after = page.cursor;
        return listIn(page, 'events').some(({ type, agentId }) => type === 'agent_failure' && agentId === other.id);
      });
    };
    await Promise.all([eventually(() => isNow(task, 'busy'), 5_000), isTold()]);
    coder.always({ status: 503 });
    await eventually(async () => listIn((await call('list_all_agents')).output, 'warnings').length === 1, 30_000);
    task.state = undefined;
    coder.always();
    await eventually(async () => {
      const { output } = await call('list_all_agents');
      return listIn(output, 'warnings').length === 0 && (await isNow(task, 'running'));
    }, 30_000);
    assert.equal((await call('get_fleet_status_metrics')).output.agents_running, 1);
  });
});
