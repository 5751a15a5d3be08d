import type { Agent, AgentStatus } from '../../providers/provider.ts';

/** Counts of a fleet; shares are between 0 and 1. */
export interface FleetStatus {
  readonly total_agents: number;
  readonly agents_running: number;
  readonly agents_idle: number;
  readonly agents_busy: number;
  readonly agents_offline: number;
  readonly agents_error: number;
  readonly agents_stopped: number;
  readonly total_active_tasks: number;
  readonly fleet_utilization: number;
  readonly unhealthy_agents: number;
  readonly healthy_percentage: number;
  readonly computed_at: string;
}

/** `computedAt`: when the agents looked like this. An empty fleet is healthy and has nothing to do. */
export function fleetStatus(agents: readonly Pick<Agent, 'status'>[], computedAt: string): FleetStatus {
  const of = (status: AgentStatus): number => agents.filter(agent => agent.status === status).length;
  const total = agents.length;
  const [busy, offline, error] = [of('busy'), of('offline'), of('error')];
  const unhealthy = error + offline;
  return {
    total_agents: total,
    agents_running: of('running'),
    agents_idle: of('idle'),
    agents_busy: busy,
    agents_offline: offline,
    agents_error: error,
    agents_stopped: of('stopped'),
    total_active_tasks: busy,
    fleet_utilization: total === 0 ? 0 : busy / total,
    unhealthy_agents: unhealthy,
    healthy_percentage: total === 0 ? 1 : (total - unhealthy) / total,
    computed_at: computedAt,
  };
}

/** The same for each group of agents, by name. */
export function statusBy(
  agents: readonly Agent[],
  { group, computedAt }: { group: (agent: Agent) => string; computedAt: string },
): Record<string, FleetStatus> {
  const groups = Map.groupBy(agents, group);
  return Object.fromEntries([...groups].map(([name, members]) => [name, fleetStatus(members, computedAt)]));
}
