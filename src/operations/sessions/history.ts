import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../define.ts';
import { sumUsage } from './usage-sums.ts';
import { agent, at, paging, project, reading, since } from './inputs.ts';
import { nextCursor } from './outputs.ts';
import { listText } from './texts.ts';

const list = z.array(z.looseObject({}));
const until = z.int().min(0).optional().describe('epoch milliseconds');

export const listProjects = defineOperation({
  name: 'list_projects',
  toolset: 'sessions',
  title: 'List projects',
  description: 'List directories in which coding agents have worked, the latest first.',
  input: z.strictObject({
    ...at,
    agent: agent.optional().describe('only those of this kind of agent'),
    query: z.string().max(500).optional().describe('part of path or name'),
    ...paging(200, 1000),
  }),
  output: z.looseObject({ projects: list, nextCursor, warnings: list }),
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'projects'], examples: ['boxswain sessions projects'] },
  text: output => listText(output.projects, output),
  async run({ worker_id, limit, cursor, ...query }, { hub, caller }) {
    const page = await hub.sessions.history.projects(query, { limit, cursor, worker: worker_id }, caller);
    return { projects: page.items, nextCursor: page.nextCursor, warnings: page.warnings };
  },
});

export const searchSessions = defineOperation({
  name: 'search_sessions',
  toolset: 'sessions',
  title: 'Search sessions',
  description: 'Search all that was said and done. All words must occur; "phrase"; prefix*.',
  input: z.strictObject({
    query: z.string().min(2).max(500).describe('what to look for'),
    slug: project,
    agent: agent.optional().describe('only this kind of agent'),
    role: z.enum(['user', 'assistant', 'tool']).optional().describe('only what this one said'),
    since,
    until,
    sort: z.enum(['recent', 'relevance']).default('recent').describe('which comes first'),
    ...paging(20, 100),
  }),
  output: z.looseObject({ results: list, nextCursor }),
  hints: reading,
  scope: 'sessions:read',
  core: true,
  cli: { words: ['sessions', 'search'], positional: 'query', examples: ['boxswain sessions search "flaky test"'] },
  async run({ limit, cursor, ...query }, { hub, caller }) {
    const page = await hub.sessions.history.search(query, { limit, cursor }, caller);
    const results = page.items.map(({ rank: _rank, agentSessionId: _agentSessionId, ...hit }) => hit);
    return { results, nextCursor: page.nextCursor, warnings: page.warnings };
  },
});

export const getProjectMemory = defineOperation({
  name: 'get_project_memory',
  toolset: 'sessions',
  title: 'Get project memory',
  description: "Read an agent's notes on a project; all: also CLAUDE.md, AGENTS.md, GEMINI.md and rules.",
  input: z.strictObject({
    slug: z.string().min(1).max(512).describe('the project, as list_projects names it'),
    ...at,
    include: z.enum(['memory', 'all']).default('memory').describe('only notes, or instructions too'),
  }),
  output: z.looseObject({ files: list }),
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'memory'], positional: 'slug', examples: ['boxswain sessions memory SLUG --include all'] },
  text: ({ files }) => listText(files),
  async run({ slug: project, worker_id, include }, { hub, caller }) {
    const files = await hub.sessions.history.memory(project, { include, worker: worker_id }, caller);
    if (files === undefined) throw new AppError('PROJECT_NOT_FOUND', `Project not found: ${project}`);
    return { files };
  },
});

export const getObservability = defineOperation({
  name: 'get_observability',
  toolset: 'sessions',
  title: 'Get tokens and cost',
  description: 'Tokens and cost of sessions, by project, agent, model and day, as agents recorded them.',
  input: z.strictObject({
    slug: project,
    agent: agent.optional().describe('only this kind of agent'),
    since,
    until,
  }),
  output: z.looseObject({
    totalSessions: z.int(),
    totalCostUsd: z.number(),
    totalInputTokens: z.int(),
    totalOutputTokens: z.int(),
    unpricedSessions: z.int(),
  }),
  hints: reading,
  scope: 'sessions:read',
  cli: { words: ['sessions', 'usage'], examples: ['boxswain sessions usage --json'] },
  async run(query, { hub, caller }) {
    const { reports, warnings } = await hub.sessions.history.usage(query, caller);
    return { ...sumUsage(reports), warnings };
  },
});
