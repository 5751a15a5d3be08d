import { z } from 'zod';
import { levelOf, sinceOf } from '../../hub/fleet/agent-logs.ts';
import { defineOperation } from '../define.ts';
import { failureEnvelope } from './failure.ts';
import { agentId, cursor, provider, reading, user } from './inputs.ts';
import { viewAgent, viewLog } from './views.ts';

/** Log entries that details come with. */
const NEWEST = 20;
const outcome = { success: z.boolean() };

export const getAgentDetails = defineOperation({
  name: 'get_agent_details_by_id',
  toolset: 'fleet',
  title: 'Get agent',
  description: 'Show one agent, with its newest log entries if wanted.',
  input: z.strictObject({
    ...user,
    agent_id: agentId,
    ...provider,
    include_logs: z.boolean().default(false).describe('with the newest 20 log entries'),
  }),
  output: z.looseObject({ ...outcome, data: z.looseObject({}).optional() }),
  hints: reading,
  scope: 'fleet:read',
  cli: {
    words: ['fleet', 'show'],
    positional: 'agent_id',
    flags: { include_logs: 'logs' },
    examples: ['boxswain fleet show AGENT_ID --logs'],
  },
  failure: failureEnvelope,
  async run({ include_logs, agent_id: id, user: owner, provider: asked }, context) {
    const { desk } = context.hub.fleet;
    const named = { id, user: owner, provider: asked };
    const data = viewAgent(await desk.get(named, context));
    if (!include_logs) return { success: true, data };
    const { entries } = await desk.logs(named, { limit: NEWEST, source: 'task' }, context);
    return { success: true, data, logs: entries.map(viewLog) };
  },
});

export const getAgentLogs = defineOperation({
  name: 'get_agent_execution_logs',
  toolset: 'fleet',
  title: 'Get agent logs',
  description: 'The newest log entries of an agent, oldest first.',
  input: z.strictObject({
    ...user,
    agent_id: agentId,
    level: z.string().max(32).optional().describe('debug, info, warning, error or critical'),
    limit: z.int().min(1).max(1000).default(100).describe('most entries to return'),
    since: z.string().max(64).optional().describe('ISO 8601: only entries since then'),
    source: z.enum(['task', 'agent', 'all']).optional().describe('what it says, its machine says, or both'),
    ...provider,
    cursor,
  }),
  output: z.looseObject({
    ...outcome,
    data: z.array(z.looseObject({})).optional(),
    next_cursor: z.string().nullable().optional(),
  }),
  hints: reading,
  scope: 'fleet:read',
  cli: {
    words: ['fleet', 'logs'],
    positional: 'agent_id',
    followsLogs: true,
    examples: ['boxswain fleet logs AGENT_ID --level error', 'boxswain fleet logs AGENT_ID --limit 10 --json'],
  },
  failure: failureEnvelope,
  async run({ agent_id: id, user: owner, provider: asked, level: word, source, since: text, ...paging }, context) {
    const level = word === undefined ? undefined : levelOf(word);
    const since = text === undefined ? undefined : sinceOf(text);
    const from = source ?? (level === undefined ? 'task' : 'all');
    const named = { id, user: owner, provider: asked };
    const query = { ...paging, level, since, source: from };
    const page = await context.hub.fleet.desk.logs(named, query, context);
    return {
      success: true,
      data: page.entries.map(viewLog),
      total_count: page.totalCount,
      next_cursor: page.nextCursor,
      snapshot: page.snapshot,
      snapshot_at: page.snapshotAt,
    };
  },
});
