import { AppError } from '../../errors/app-error.ts';
import type { WorkerHandlers } from '../../protocol/link.ts';
import type {
  MemoryFile,
  MessagesRequest,
  ProjectFilter,
  ProjectPage,
  SearchPage,
  SearchRequest,
  SessionFilter,
  SessionMessages,
  SessionPage,
  UsageFilter,
  UsageReport,
} from '../../protocol/history.ts';
import type { sessionWorkerRequests } from '../../protocol/session-messages.ts';
import type { SinceRequest, WrittenSince } from '../../protocol/presence.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { TerminalPresence } from './presence/open-presence.ts';
import { namingWorker } from './unavailable.ts';
import { claudeSlug } from '../history/identity.ts';

/** What agents did on this machine before. */
export interface PastSessions {
  projects(filter: ProjectFilter): Promise<ProjectPage>;
  sessions(filter: SessionFilter): Promise<SessionPage>;
  /** Undefined for a session that it does not know. */
  messages(request: MessagesRequest): Promise<SessionMessages | undefined>;
  /** What came into a transcript after a message; undefined for a session that it does not know. */
  since(request: SinceRequest): Promise<WrittenSince | undefined>;
  /** Settles when all that files hold now has been read. */
  refresh(): Promise<void>;
  search(request: SearchRequest): Promise<SearchPage>;
  usage(filter: UsageFilter): Promise<UsageReport>;
  /** Of a directory, from now on. */
  slugOf(path: string): Promise<string>;
  /** Undefined for a project that it does not know. */
  memory(request: { readonly slug: string; readonly include: 'memory' | 'all' }): Promise<MemoryFile[] | undefined>;
}

const DESCRIBE_MS = 10_000;

/** What the worker does for each request about sessions. Both are undefined where no agent is configured. */
export function sessionHandlers(
  sessions: LiveSessions | undefined,
  past: PastSessions | undefined,
  presence?: TerminalPresence,
): Pick<WorkerHandlers, keyof typeof sessionWorkerRequests> {
  const there = (): LiveSessions => {
    if (sessions !== undefined) return sessions;
    throw new AppError('AGENT_UNAVAILABLE', 'no agent is configured on this worker', {
      hint: 'name agents in sessions.agents, and directories in sessions.roots, of the worker',
    });
  };
  /** What is said of an agent that cannot be had says where. */
  const here = async <Value>(work: Promise<Value>): Promise<Value> => {
    try {
      return await work;
    } catch (error) {
      throw sessions === undefined ? error : namingWorker(error, sessions.worker);
    }
  };
  return {
    'agents.describe': async () => ({ agents: (await sessions?.describe(AbortSignal.timeout(DESCRIBE_MS))) ?? [] }),
    'session.check': async request => {
      const cwd = await here(there().check(request));
      return { cwd, slug: (await past?.slugOf(cwd)) ?? claudeSlug(cwd) };
    },
    'session.start': async request => ({ agentSessionId: await here(there().start(request)) }),
    'session.prompt': async request => {
      await here(there().prompt(request));
      return {};
    },
    'session.place': async request => ({ path: await there().place(request) }),
    'session.interrupt': async named => ({ wasRunning: await there().interrupt(named) }),
    'session.stop': async request => ({ wasLive: (await sessions?.stop(request)) ?? false }),
    'session.answer': async ({ requestId, answer, ...named }) => ({
      wasPending: there().answer(requestId, answer, named),
    }),
    'history.projects': async filter => (await past?.projects(filter)) ?? { projects: [], nextCursor: null },
    'history.sessions': async filter => (await past?.sessions(filter)) ?? { sessions: [], nextCursor: null },
    'history.messages': async request => ({ found: (await past?.messages(request)) ?? null }),
    'history.since': async request => {
      const { id, agent, isLast } = request;
      if (isLast) await past?.refresh();
      const driven = sessions?.drivenUntil(id);
      const notBefore = driven === undefined ? request.notBefore : Math.max(driven, request.notBefore ?? 0);
      const found = (await past?.since({ ...request, notBefore })) ?? null;
      // After the reading: what is idle then was idle when the last of it was written.
      return { found, open: (await presence?.seen(agent, id)) ?? null };
    },
    'presence.check': async ({ agent, agentSessionId }) => ({
      open: presence === undefined ? null : ((await here(presence.check(agent, agentSessionId))) ?? null),
    }),
    'history.search': async request => (await past?.search(request)) ?? { results: [], nextCursor: null },
    'history.usage': async filter => (await past?.usage(filter)) ?? noUsage(),
    'history.memory': async request => ({ files: (await past?.memory(request)) ?? null }),
    'session.fork': async request => ({ agentSessionId: await here(there().fork(request)) }),
  };
}

const noUsage = (): UsageReport => ({
  ...{ totalSessions: 0, totalCostUsd: 0, totalInputTokens: 0, totalOutputTokens: 0 },
  ...{ totalCacheReadTokens: 0, totalCacheWriteTokens: 0, unpricedSessions: 0, computedAt: Date.now() },
  ...{ activeProjects: [], recentActivity: [], projectBreakdown: [], daily: [], byAgent: [], byModel: [] },
});
