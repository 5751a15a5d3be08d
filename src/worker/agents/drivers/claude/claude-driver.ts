import { extname, join } from 'node:path';
import { AppError } from '../../../../errors/app-error.ts';
import type { Log } from '../../../../log/log.ts';
import type { Driver, DriverHost, LiveAgent, OpenRequest, WarmRequest } from '../../driver.ts';
import type { AgentProcesses } from '../../processes/agent-processes.ts';
import { bringOurs } from '../../boxes/bring-ours.ts';
import { bringProgram } from '../../boxes/bring-program.ts';
import { forkInBox } from '../../boxes/fork-in-box.ts';
import { findProgram } from '../find-program.ts';
import { describeClaude } from './describe.ts';
import { forkSession } from './fork.ts';
import { type StartedClaude, startClaude, unavailable } from './start-claude.ts';

/** Compiled as this file is. */
const forkProgram = join(import.meta.dirname, `fork-program${extname(import.meta.filename)}`);
const FORK_PACKAGES = ['@anthropic-ai/claude-agent-sdk', 'zod'];

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
  const { environment, log } = options;
  const find = () => findProgram(options.program ?? environment.CLAUDE_BIN ?? 'claude', environment.PATH);
  /** Where it is installed on this machine, for a request that it can serve. */
  const there = async (request: WarmRequest): Promise<string> => {
    const program = await find();
    if (program === undefined) throw unavailable('claude is not installed');
    refuseBypassAsRoot(request, environment);
    return program;
  };
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
      async program(base) {
        const program = options.program ?? environment.CLAUDE_BIN ?? 'claude';
        const claude = await bringProgram({ kind: 'claude', program, path: environment.PATH, base });
        const fork = await bringOurs(join(base, 'fork'), { program: forkProgram, packages: FORK_PACKAGES });
        return { ...claude, forkCommand: fork.command, mounts: [...claude.mounts, ...fork.mounts] };
      },
    },
    async open(request, host) {
      const { box } = request;
      const program = box?.command[0] ?? (await there(request));
      const { processes } = box ?? options;
      const started = await startClaude({
        ...{ program, request, processes, log },
        environment: box?.environment ?? environment,
      });
      return await openIn(started, { request, host });
    },
    async warm(request) {
      const { processes } = options;
      const started = await startClaude({ program: await there(request), request, processes, environment, log });
      await started.ready(request.signal);
      return {
        exited: started.running.exited,
        close: () => started.end(),
        open: (asked, host) => openIn(started, { request: asked, host }),
      };
    },
    fork: ({ box, ...request }) =>
      box === undefined ? forkSession(request, environment) : forkInBox('claude', { ...request, box }),
  };
}

async function openIn(
  started: StartedClaude,
  { request, host }: { request: OpenRequest; host: DriverHost },
): Promise<LiveAgent> {
  try {
    await host.spawned({ pid: started.running.pid });
  } catch (error) {
    await started.end();
    throw error;
  }
  await started.ready(request.signal);
  return started.session(request, host);
}

/** Claude Code refuses it as root unless it is told that this is a sandbox. */
function refuseBypassAsRoot({ permissionMode }: WarmRequest, environment: Readonly<Record<string, string>>): void {
  if (permissionMode !== 'bypassPermissions' || process.getuid?.() !== 0 || environment.IS_SANDBOX === '1') return;
  throw new AppError('CAPABILITY_UNSUPPORTED', 'claude does not support permission_mode bypassPermissions as root', {
    hint: 'use another permission_mode, or run the worker as an ordinary user',
  });
}
