import { AppError } from '../../errors/app-error.ts';
import type { WorkerHandlers } from '../../protocol/link.ts';
import type { sessionWorkerRequests } from '../../protocol/session-messages.ts';
import type { LiveSessions } from './live-sessions.ts';
import { slugOf } from './slug.ts';

const DESCRIBE_MS = 10_000;

/** What the worker does for each request about sessions. `sessions` is undefined where no agent is configured. */
export function sessionHandlers(
  sessions: LiveSessions | undefined,
): Pick<WorkerHandlers, keyof typeof sessionWorkerRequests> {
  const there = (): LiveSessions => {
    if (sessions !== undefined) return sessions;
    throw new AppError('AGENT_UNAVAILABLE', 'no agent is configured on this worker', {
      hint: 'name agents in sessions.agents, and directories in sessions.roots, of the worker',
    });
  };
  return {
    'agents.describe': async () => ({ agents: (await sessions?.describe(AbortSignal.timeout(DESCRIBE_MS))) ?? [] }),
    'session.check': async request => {
      const cwd = await there().check(request);
      return { cwd, slug: slugOf(cwd) };
    },
    'session.start': async request => ({ agentSessionId: await there().start(request) }),
    'session.prompt': async request => {
      await there().prompt(request);
      return {};
    },
    'session.interrupt': async named => ({ wasRunning: await there().interrupt(named) }),
    'session.stop': async request => ({ wasLive: (await sessions?.stop(request)) ?? false }),
    'session.answer': async ({ requestId, answer, ...named }) => ({
      wasPending: there().answer(requestId, answer, named),
    }),
    'session.fork': async request => ({ agentSessionId: await there().fork(request) }),
  };
}
