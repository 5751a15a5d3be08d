import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Log } from '../../log/log.ts';
import { sandboxDirectory } from '../sandbox/box-house.ts';
import { BoxPrograms } from './boxes/box-programs.ts';
import type { Driver } from './driver.ts';
import { createAcpDriver } from './drivers/acp/acp-driver.ts';
import { codex, gemini, opencode, otherAgent } from './drivers/acp/known-agents.ts';
import { createClaudeDriver } from './drivers/claude/claude-driver.ts';
import { createScriptedDriver } from './drivers/scripted/scripted-driver.ts';
import { AgentProcesses } from './processes/agent-processes.ts';

/** What is ours alone, such as the keys of the blobs and the tokens for services that hubs ask: no agent gets it. */
const OWN_VARIABLES = /^(?:BOXSWAIN|CODEZ|AWS|OTEL|PG)|^(?:CODER_SESSION_TOKEN|CODEGEN_API_TOKEN|HUB_TOKEN)$/;

interface DriverOptions {
  readonly config: Config;
  readonly log: Log;
  /** Of the user whose agents these are: who is logged in, and where transcripts lie, follows from it. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** The drivers of a worker, with what they share. */
export interface OpenDrivers {
  readonly drivers: readonly Driver[];
  readonly processes: AgentProcesses;
  /** What of them boxes have. */
  readonly programs: BoxPrograms;
  readonly environment: Readonly<Record<string, string>>;
  /** For what agents leave on this machine. */
  readonly directory: string;
}

/** Knows the agents of this machine, and ends what a crash has left of them. Starts none. */
export async function openDrivers({ config, log, variables }: DriverOptions): Promise<OpenDrivers> {
  const directory = join(config.directory, 'agents');
  const processes = new AgentProcesses({ directory: join(directory, 'processes'), log });
  await processes.reap();
  const environment = environmentOf(variables);
  const drivers = driversOf({ config, log, processes, environment, directory });
  const programs = new BoxPrograms({ drivers, copies: join(sandboxDirectory(config), 'programs'), log });
  return { drivers, processes, programs, environment, directory };
}

interface DriverParts {
  readonly config: Config;
  readonly log: Log;
  readonly processes: AgentProcesses;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
}

function driversOf({ config, log, processes, environment, directory }: DriverParts): Driver[] {
  const acp = { log, processes, environment };
  const configured = Object.entries(config.sessions.agents).flatMap(([kind, { command: words, name }]) => {
    if (words === undefined) return [];
    const [command = '', ...args] = words;
    const agent = otherAgent({ kind, command, args });
    return [createAcpDriver({ ...acp, agent: name === undefined ? agent : { ...agent, name } })];
  });
  const known = [
    createClaudeDriver({ processes, log, environment }),
    ...[codex, gemini, opencode].map(agent => createAcpDriver({ ...acp, agent })),
    createScriptedDriver({
      directory: join(directory, 'scripted'),
      processes,
      compileCache: environment.NODE_COMPILE_CACHE,
    }),
  ];
  // What the operator configures takes the place of what we know of the same kind.
  return [...configured, ...known.filter(({ kind }) => !configured.some(one => one.kind === kind))];
}

function environmentOf(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(variables).filter(([name]) => !OWN_VARIABLES.test(name));
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
