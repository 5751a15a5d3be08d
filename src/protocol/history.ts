import { z } from 'zod';
import { messageSchema, usageSchema } from './sessions.ts';

/** What a worker tells about the history of its machine's agents. Times are epoch milliseconds. */

export const historyAgentSchema = z.enum(['claude', 'codex', 'gemini', 'opencode', 'scripted']);
export type HistoryAgent = z.output<typeof historyAgentSchema>;

const page = { limit: z.number().int().positive(), cursor: z.string().optional() };
const nextCursor = z.string().nullable();

/** Of which sessions, by the agents' own ids: only these, or all but those. */
const whose = { ids: z.array(z.string()).optional(), notIds: z.array(z.string()).optional() };

export const projectFilterSchema = z.object({
  ...whose,
  agent: z.string().optional(),
  /** Part of a path, slug or repository name, in any case. */
  query: z.string().optional(),
  ...page,
});
export type ProjectFilter = z.output<typeof projectFilterSchema>;
export type WhoseHistory = Pick<ProjectFilter, 'ids' | 'notIds'>;

export const historyProjectSchema = z.object({
  slug: z.string(),
  path: z.string(),
  sessionCount: z.number(),
  repoName: z.string().optional(),
  worktreeLabel: z.string().optional(),
  agents: z.array(z.string()),
  lastActiveAt: z.number(),
});
export type HistoryProject = z.output<typeof historyProjectSchema>;

export const projectPageSchema = z.object({ projects: z.array(historyProjectSchema), nextCursor });
export type ProjectPage = z.output<typeof projectPageSchema>;

export const sessionFilterSchema = z.object({
  slug: z.string().optional(),
  agent: z.string().optional(),
  /** Part of a title, in any case. */
  query: z.string().optional(),
  ...whose,
  /** Only sessions with something written at or after it. */
  since: z.number().optional(),
  ...page,
});
export type SessionFilter = z.output<typeof sessionFilterSchema>;

/** A session as its transcript tells it; whether it is live or open somewhere is for others to add. */
export const historySessionSchema = z.object({
  /** The agent's own id where that is a UUID, else one that follows from it. */
  id: z.string(),
  agentSessionId: z.string(),
  agent: historyAgentSchema,
  projectSlug: z.string(),
  title: z.string(),
  cwd: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
  lastMessageAt: z.number(),
  model: z.string().optional(),
  permissionMode: z.string().optional(),
  /** Id of the session that it was forked from, which may be gone. */
  forkedFrom: z.string().optional(),
  messageCount: z.number(),
  usage: usageSchema,
  resumeCommand: z.string(),
});
export type HistorySession = z.output<typeof historySessionSchema>;

export const sessionPageSchema = z.object({ sessions: z.array(historySessionSchema), nextCursor });
export type SessionPage = z.output<typeof sessionPageSchema>;

export const messagesRequestSchema = z.object({
  /** Ours or the agent's own. */
  id: z.string(),
  limit: z.number().int().positive(),
  /** Id of a message: only what stands before it. */
  before: z.string().optional(),
  maxPartChars: z.number().int().positive(),
  /** `main`: the conversation as it stands. `all`: also abandoned branches and subagents, in the order of writing. */
  include: z.enum(['main', 'all']).default('main'),
});
export type MessagesRequest = z.input<typeof messagesRequestSchema>;

export const sessionMessagesSchema = z.object({
  session: historySessionSchema,
  messages: z.array(messageSchema),
  hasMore: z.boolean(),
  /** For the next page; null on the last. */
  before: z.string().nullable(),
});
export type SessionMessages = z.output<typeof sessionMessagesSchema>;

export const searchRequestSchema = z.object({
  ...whose,
  query: z.string(),
  slug: z.string().optional(),
  agent: z.string().optional(),
  role: z.enum(['user', 'assistant', 'tool']).optional(),
  since: z.number().optional(),
  until: z.number().optional(),
  sort: z.enum(['recent', 'relevance']).default('recent'),
  ...page,
});
export type SearchRequest = z.input<typeof searchRequestSchema>;

export const searchHitSchema = z.object({
  sessionId: z.string(),
  slug: z.string(),
  title: z.string(),
  cwd: z.string(),
  /** At most 200 characters of the best message, as they were written. */
  snippet: z.string(),
  updatedAt: z.number(),
  mtimeMs: z.number(),
  messageId: z.string(),
  role: z.enum(['user', 'assistant', 'tool']),
  /** Messages of the session that match. */
  matches: z.number(),
  agent: historyAgentSchema,
  agentSessionId: z.string(),
  /** What `sort` went by; higher is first. For whoever merges the answers of several workers. */
  rank: z.number(),
});
export type SearchHit = z.output<typeof searchHitSchema>;

export const searchPageSchema = z.object({ results: z.array(searchHitSchema), nextCursor });
export type SearchPage = z.output<typeof searchPageSchema>;

export const usageFilterSchema = z.object({
  ...whose,
  slug: z.string().optional(),
  agent: z.string().optional(),
  since: z.number().optional(),
  until: z.number().optional(),
});
export type UsageFilter = z.output<typeof usageFilterSchema>;

const tokens = { inputTokens: z.number(), outputTokens: z.number() };
const cacheTokens = { cacheReadTokens: z.number(), cacheWriteTokens: z.number() };

export const usageReportSchema = z.object({
  totalSessions: z.number(),
  totalCostUsd: z.number(),
  totalInputTokens: z.number(),
  totalOutputTokens: z.number(),
  totalCacheReadTokens: z.number(),
  totalCacheWriteTokens: z.number(),
  activeProjects: z.array(z.string()),
  recentActivity: z.array(
    z.object({ slug: z.string(), sessionCount: z.number(), totalCost: z.number(), lastActive: z.number() }),
  ),
  projectBreakdown: z.array(
    z.object({
      projectName: z.string(),
      slug: z.string(),
      sessions: z.number(),
      cost: z.number(),
      tokens: z.number(),
    }),
  ),
  daily: z.array(
    z.object({
      /** In UTC. */
      date: z.string(),
      totalCost: z.number(),
      totalSessions: z.number(),
      totalInputTokens: z.number(),
      totalOutputTokens: z.number(),
    }),
  ),
  byAgent: z.array(
    z.object({
      agent: z.string(),
      sessions: z.number(),
      cost: z.number(),
      ...tokens,
      ...cacheTokens,
      /** Where the agent's figures were read; `none`: it records no such thing. */
      tokenSource: z.string(),
      costSource: z.string(),
      /**
       * Tokens by the agent's own running total, which also holds calls that left no line in a transcript; absent where it keeps none.
       */
      recorded: z.object(tokens).optional(),
    }),
  ),
  byModel: z.array(z.object({ model: z.string(), cost: z.number(), ...tokens, ...cacheTokens })),
  unpricedSessions: z.number(),
  computedAt: z.number(),
});
export type UsageReport = z.output<typeof usageReportSchema>;

export const memoryFileSchema = z.object({
  filename: z.string(),
  content: z.string(),
  path: z.string(),
  kind: z.enum(['memory', 'instructions', 'rules']),
  agent: historyAgentSchema,
  sizeBytes: z.number(),
  truncated: z.boolean(),
});
export type MemoryFile = z.output<typeof memoryFileSchema>;

/** Something was appended to a transcript. `messages` are those that are new or changed. */
export const historyChangeSchema = z.object({ session: historySessionSchema, messages: z.array(messageSchema) });
export type HistoryChange = z.output<typeof historyChangeSchema>;

export const historyStatusSchema = z.object({
  files: z.number(),
  sessions: z.number(),
  messages: z.number(),
  bytes: z.number(),
  /** Lines that could not be read, such as torn ones. */
  badLines: z.number(),
  /** Lines of kinds that this version does not know. */
  unknownLines: z.number(),
  /** The last look found files that it had not read to their end yet. */
  isCatchingUp: z.boolean(),
});
export type HistoryStatus = z.output<typeof historyStatusSchema>;
