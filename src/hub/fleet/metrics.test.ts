import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainAgent } from '../../../test/support/memory-provider.ts';
import { type AgentStatus, agentStatuses } from '../../providers/provider.ts';
import { fleetStatus, statusBy } from './metrics.ts';

const agents = (counts: Partial<Record<AgentStatus, number>>) =>
  agentStatuses.flatMap(status =>
    Array.from({ length: counts[status] ?? 0 }, (_, at) => plainAgent({ id: `${status}-${at}`, status })),
  );

test('golden 7: the figures of ten agents', () => {
  const status = fleetStatus(agents({ running: 1, idle: 5, busy: 3, offline: 1 }), 'now');
  assert.equal(status.total_agents, 10);
  assert.equal(status.fleet_utilization, 0.3);
  assert.equal(status.unhealthy_agents, 1);
  assert.equal(status.healthy_percentage, 0.9);
  assert.equal(status.total_active_tasks, 3);
});

test('an empty fleet is healthy and unused', () => {
  const { total_agents, fleet_utilization, healthy_percentage } = fleetStatus([], 'now');
  assert.deepEqual([total_agents, fleet_utilization, healthy_percentage], [0, 0, 1]);
});

test('the total is the sum of the six, for all and for each group', () => {
  const all = agents({ busy: 1, running: 2, error: 3, idle: 4, offline: 5, stopped: 6 });
  const groups = statusBy(all, { group: ({ status }) => status, computedAt: 'now' });
  for (const one of [fleetStatus(all, 'now'), ...Object.values(groups)]) {
    const six = [one.agents_busy, one.agents_running, one.agents_error, one.agents_idle, one.agents_offline];
    assert.equal(
      six.reduce((sum, count) => sum + count, one.agents_stopped),
      one.total_agents,
    );
  }
  assert.equal(groups.stopped?.total_agents, 6);
});
