import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { Driver, DriverHost, LiveAgent, OpenRequest } from '../../driver.ts';
import { type AgentProcess, exitText } from '../../processes/agent-process.ts';
import type { AgentProcesses } from '../../processes/agent-processes.ts';
import { bringProgram } from '../../boxes/bring-program.ts';
import { findProgram } from '../find-program.ts';
import { plainError } from '../plain-error.ts';
import { ClaudeSession } from './claude-session.ts';
import { describeClaude } from './describe.ts';
import { forkSession } from './fork.ts';
import { InputQueue } from './input-queue.ts';
import { askHost } from './permissions.ts';

export interface ClaudeDriverOptions {
  readonly processes: AgentProcesses;
  readonly log: Log;
  /** The user's own `claude`: a path, or a name to look for. Default: `CLAUDE_BIN` of the environment, else `claude`. */
  readonly program?: string;
  /** All that the agent sees of an environment; who is logged in, and where the transcripts lie, follows from it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Claude Code through its Agent SDK: the program that the user has installed and signed in, never one that we bring. */
export function createClaudeDriver(options: ClaudeDriverOptions): Driver {
  const { environment } = options;
  const find = () => findProgram(options.program ?? environment.CLAUDE_BIN ?? 'claude', environment.PATH);
  return {
    kind: 'claude',
    describe: async signal => describeClaude(await find(), { environment, signal }),
    boxed: {
      modelHosts: ['api.anthropic.com'],
      environment: home => ({
        CLAUDE_CONFIG_DIR: `${home}/.claude`,
        // Nothing but its model can be reached from there.
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
      }),
      program: base =>
        bringProgram({
          kind: 'claude',
          program: options.program ?? environment.CLAUDE_BIN ?? 'claude',
          path: environment.PATH,
          base,
        }),
    },
    async open(request, host) {
      const { box } = request;
      if (box !== undefined) return await openSession({ program: box.command[0], request, host, options });
      const program = await find();
      if (program === undefined) throw unavailable('claude is not installed');
      refuseBypassAsRoot(request, environment);
      return await openSession({ program, request, host, options });
    },
    fork: request => forkSession(request, environment),
  };
}

interface Opening {
  readonly program: string;
  readonly request: OpenRequest;
  readonly host: DriverHost;
  readonly options: ClaudeDriverOptions;
}

async function openSession({ program, request, host, options }: Opening): Promise<LiveAgent> {
  const { cwd, resume, model, permissionMode, signal, sessionId } = request;
  const { log } = options;
  const { processes, environment } = request.box ?? options;
  // Loaded when it is first needed: it is larger than all else together.
  const { query: startQuery } = await import('@anthropic-ai/claude-agent-sdk');
  const launch = await processes.prepare({ kind: 'claude', sessionId, cwd });
  const input = new InputQueue<SDKUserMessage>();
  const started = Promise.withResolvers<AgentProcess>();
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
      canUseTool: askHost(host),
      ...(model !== undefined && { model }),
      ...(resume === undefined ? { sessionId: agentSessionId } : { resume }),
      spawnClaudeCodeProcess: ({ command, args, env }) => {
        const [first, ...words] = request.box?.command ?? [command];
        const running = launch({ command: first, args: [...words, ...args], environment: onlyStrings(env) });
        started.resolve(running);
        return running.child;
      },
    },
  });
  const ready = query.initializationResult();
  ready.catch(() => undefined);
  const running = await started.promise;
  try {
    await host.spawned({ pid: running.pid });
    await Promise.race([
      ready,
      running.exited.then(exit => Promise.reject(notStarted(running, exit))),
      aborted(signal),
    ]);
  } catch (error) {
    input.end();
    await running.end({ graceMs: 0 });
    query.close();
    if (error instanceof AppError || signal.aborted) throw error;
    throw notStarted(running, await running.exited);
  }
  const plain = (text: string) => plainError(text, { cwd, environment });
  const isResumed = resume !== undefined;
  return new ClaudeSession({
    sessionId,
    agentSessionId,
    isResumed,
    used: request.used,
    query,
    input,
    running,
    host,
    log,
    plain,
  });
}

function notStarted(running: AgentProcess, exit: Awaited<AgentProcess['exited']>): AppError {
  if (/no conversation found/i.test(running.complaints())) {
    return new AppError('SESSION_NOT_FOUND', 'Session not found: Claude Code has no transcript of it here');
  }
  return unavailable(`it ended while it started (${exitText(exit)})`);
}

const unavailable = (reason: string): AppError =>
  new AppError('AGENT_UNAVAILABLE', `Agent claude is not available: ${reason}`, {
    hint: 'install Claude Code, run claude once and log in; or name the program in CLAUDE_BIN',
  });

/** Claude Code refuses it as root unless it is told that this is a sandbox. */
function refuseBypassAsRoot({ permissionMode }: OpenRequest, environment: Readonly<Record<string, string>>): void {
  if (permissionMode !== 'bypassPermissions' || process.getuid?.() !== 0 || environment.IS_SANDBOX === '1') return;
  throw new AppError('CAPABILITY_UNSUPPORTED', 'claude does not support permission_mode bypassPermissions as root', {
    hint: 'use another permission_mode, or run the worker as an ordinary user',
  });
}

const onlyStrings = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  if (signal.aborted) reject(signal.reason);
  promise.catch(() => undefined);
  return promise;
}
