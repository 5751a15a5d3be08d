import type { Query, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { DriverHost, LiveAgent, OpenRequest, WarmRequest } from '../../driver.ts';
import { type AgentProcess, type AgentStarter, exitText } from '../../processes/agent-process.ts';
import { agentUnavailable } from '../../unavailable.ts';
import { plainError } from '../plain-error.ts';
import { ClaudeSession } from './claude-session.ts';
import { InputQueue } from './input-queue.ts';
import { askHost } from './permissions.ts';

export interface ClaudeStart {
  readonly program: string;
  readonly request: WarmRequest & Partial<Pick<OpenRequest, 'box' | 'resume' | 'sessionId'>>;
  readonly processes: AgentStarter;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** A process of Claude Code that was started; its session is bound to a host later. */
export interface StartedClaude {
  readonly running: AgentProcess;
  /** Settles when it takes prompts; ends it otherwise. Throws AGENT_UNAVAILABLE, SESSION_NOT_FOUND. */
  ready(signal: AbortSignal): Promise<void>;
  session(of: Pick<OpenRequest, 'sessionId' | 'used'>, host: DriverHost): LiveAgent;
  end(): Promise<void>;
}

/** Starts the user's Claude Code for one session. What this gives tells whether it came up. Rejects with AGENT_UNAVAILABLE when its process cannot be started. */
export async function startClaude(start: ClaudeStart): Promise<StartedClaude> {
  const { program, request, processes, environment, log } = start;
  const { cwd, resume, model, permissionMode, signal, sessionId } = request;
  // Loaded when it is first needed: it is larger than all else together.
  const { query: startQuery } = await import('@anthropic-ai/claude-agent-sdk');
  const launch = await processes.prepare({ kind: 'claude', cwd, ...(sessionId !== undefined && { sessionId }) });
  const input = new InputQueue<SDKUserMessage>();
  const started = Promise.withResolvers<AgentProcess>();
  started.promise.catch(() => undefined);
  // Nothing is asked before there is a session.
  const bound = Promise.withResolvers<DriverHost>();
  const agentSessionId = resume ?? randomUUID();
  signal.throwIfAborted();
  const query = startQuery({
    prompt: input,
    options: {
      cwd,
      env: { ...environment, CLAUDE_AGENT_SDK_CLIENT_APP: 'boxswain' },
      // In a box this is no file of ours; the SDK only makes the first word of it.
      pathToClaudeCodeExecutable: program,
      includePartialMessages: true,
      forwardSubagentText: true,
      settingSources: ['user', 'project', 'local'],
      permissionMode,
      allowDangerouslySkipPermissions: permissionMode === 'bypassPermissions',
      canUseTool: async (...asked) => await askHost(await bound.promise)(...asked),
      ...(model !== undefined && { model }),
      ...(resume === undefined ? { sessionId: agentSessionId } : { resume }),
      spawnClaudeCodeProcess: ({ command, args, env }) => {
        const [first, ...words] = request.box?.command ?? [command];
        try {
          const running = launch({ command: first, args: [...words, ...args], environment: onlyStrings(env) });
          started.resolve(running);
          return running.child;
        } catch (error) {
          started.reject(error);
          throw error;
        }
      },
    },
  });
  const initialized = query.initializationResult();
  initialized.catch(() => undefined);
  const running = await started.promise;
  const end = () => endOf({ input, running, query });
  return {
    running,
    end,
    async ready(until) {
      try {
        const exited = running.exited.then(exit => Promise.reject(notStarted(running, exit)));
        await Promise.race([initialized, exited, aborted(until)]);
      } catch (error) {
        await end();
        if (error instanceof AppError || until.aborted) throw error;
        throw notStarted(running, await running.exited);
      }
    },
    session({ sessionId: id, used }, host) {
      bound.resolve(host);
      const plain = (text: string) => plainError(text, { cwd, environment });
      const isResumed = resume !== undefined;
      return new ClaudeSession({
        sessionId: id,
        agentSessionId,
        isResumed,
        used,
        query,
        input,
        running,
        host,
        log,
        plain,
      });
    },
  };
}

async function endOf({
  input,
  running,
  query,
}: {
  input: InputQueue<SDKUserMessage>;
  running: AgentProcess;
  query: Query;
}): Promise<void> {
  input.end();
  await running.end({ graceMs: 0 });
  query.close();
}

function notStarted(running: AgentProcess, exit: Awaited<AgentProcess['exited']>): AppError {
  if (/no conversation found/i.test(running.complaints())) {
    return new AppError('SESSION_NOT_FOUND', 'Session not found: Claude Code has no transcript of it here');
  }
  return unavailable(`it ended while it started (${exitText(exit)})`);
}

export const unavailable = (reason: string): AppError =>
  agentUnavailable('claude', {
    reason,
    hint: 'install Claude Code, run claude once and log in; or name the program in CLAUDE_BIN',
  });

const onlyStrings = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  if (signal.aborted) reject(signal.reason);
  promise.catch(() => undefined);
  return promise;
}
