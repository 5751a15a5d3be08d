import { z } from 'zod';
import { fleetStatus, statusBy } from '../../hub/fleet/metrics.ts';
import { defineOperation } from '../define.ts';
import { failureEnvelope } from './failure.ts';
import { cursor, provider, reading, status, statusOf } from './inputs.ts';
import { viewAgent } from './views.ts';

const list = z.array(z.looseObject({}));
/** What a failure has in common with a success. */
const outcome = { success: z.boolean() };

export const listAllAgents = defineOperation({
  name: 'list_all_agents',
  toolset: 'fleet',
  title: 'List agents',
  description: 'List agents of all providers: Coder, Codegen and local sessions.',
  input: z.strictObject({
    status,
    user: z.string().max(256).optional().describe('only agents of this owner'),
    ...provider,
    capability: z.string().max(64).optional().describe('only agents that can do this'),
    query: z.string().max(500).optional().describe('text in names and assignments'),
    include_inactive: z.boolean().default(false).describe('also those that have ended or were archived'),
    limit: z.int().min(1).max(1000).default(100).describe('most entries to return'),
    cursor,
  }),
  output: z.looseObject({ ...outcome, agents: list.optional(), next_cursor: z.string().nullable().optional() }),
  hints: reading,
  scope: 'fleet:read',
  cli: {
    words: ['fleet', 'list'],
    flags: { include_inactive: 'all' },
    examples: ['boxswain fleet list --status busy', 'boxswain fleet list --provider coder --json'],
  },
  failure: failureEnvelope,
  text: ({ agents, next_cursor, warnings }) => [JSON.stringify(agents), ...asides({ next_cursor, warnings })],
  async run({ status: word, include_inactive, ...query }, { hub, caller, signal }) {
    const asked = { ...query, status: statusOf(word), includeInactive: include_inactive };
    const page = await hub.fleet.list.page(asked, { caller, signal });
    return {
      success: true,
      agents: page.agents.map(viewAgent),
      total_count: page.totalCount,
      next_cursor: page.nextCursor,
      computed_at: page.computedAt,
      warnings: [...page.warnings],
    };
  },
});

export const getFleetStatusMetrics = defineOperation({
  name: 'get_fleet_status_metrics',
  toolset: 'fleet',
  title: 'Get fleet metrics',
  description: 'Count agents by status; utilization and health, also by provider and user.',
  input: z.strictObject({ ...provider }),
  output: z.looseObject({ ...outcome, total_agents: z.int().optional() }),
  hints: reading,
  scope: 'fleet:read',
  cli: { words: ['fleet', 'status'], examples: ['boxswain fleet status', 'boxswain fleet status --provider local'] },
  failure: failureEnvelope,
  text: ({ success: _success, by_provider: _providers, by_user: _users, warnings, ...status }) => [
    JSON.stringify(status),
    ...asides({ warnings }),
  ],
  async run({ provider: asked }, { hub, caller, signal }) {
    const found = await hub.fleet.list.gather({ provider: asked, includeInactive: false }, { caller, signal });
    const { agents, computedAt, warnings } = found;
    return {
      success: true,
      ...fleetStatus(agents, computedAt),
      by_provider: statusBy(agents, { group: agent => agent.provider, computedAt }),
      by_user: statusBy(agents, { group: agent => agent.user, computedAt }),
      warnings: [...warnings],
    };
  },
});

/** What stands beside a list, where there is any of it. */
function asides({ next_cursor = null, warnings }: { next_cursor?: unknown; warnings: unknown }): string[] {
  const hasWarnings = Array.isArray(warnings) && warnings.length > 0;
  if (next_cursor === null && !hasWarnings) return [];
  return [JSON.stringify({ ...(next_cursor !== null && { next_cursor }), ...(hasWarnings && { warnings }) })];
}
