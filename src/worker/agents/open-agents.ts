import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Blobs } from '../../blobs/blobs.ts';
import type { Config } from '../../config/config.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import type { Attachment, SessionTold } from '../../protocol/session-messages.ts';
import { type History, openHistory } from '../history/history.ts';
import { historyRoots } from '../history/roots.ts';
import type { Driver } from './driver.ts';
import { createAcpDriver } from './drivers/acp/acp-driver.ts';
import { codex, gemini, opencode, otherAgent } from './drivers/acp/known-agents.ts';
import { createClaudeDriver } from './drivers/claude/claude-driver.ts';
import { createScriptedDriver } from './drivers/scripted/scripted-driver.ts';
import { LiveSessions } from './live-sessions.ts';
import { AgentProcesses } from './processes/agent-processes.ts';

/** What is ours alone, such as the keys of the blobs: no agent gets it. */
const OWN_VARIABLES = /^(?:BOXSWAIN|AWS|OTEL|PG)/;

interface AgentsOptions {
  readonly worker: string;
  readonly config: Config;
  readonly log: Log;
  readonly blobs: Blobs;
  /** Of the user whose agents these are: who is logged in, and where transcripts lie, follows from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  mayWork(): boolean;
  tell(told: SessionTold): Promise<{ isFenced: boolean; expected: number }>;
}

export interface Agents {
  readonly sessions: LiveSessions;
  readonly past: History;
  close(): Promise<void>;
}

/** The coding agents of this machine: ends what a crash has left of them, opens their history. */
export async function openAgents(options: AgentsOptions): Promise<Agents> {
  const { worker, config, log, blobs, mayWork, tell } = options;
  const { roots, max_live, park_after_seconds, permission_timeout_seconds, allow_bypass_permissions } = config.sessions;
  const directory = join(config.directory, 'agents');
  const uploads = join(directory, 'uploads');
  await mkdir(uploads, { recursive: true, mode: 0o700 });
  const processes = new AgentProcesses({ directory: join(directory, 'processes'), log });
  await processes.reap();
  const environment = environmentOf(options.environment);
  const past = await openHistory({
    path: join(directory, 'history.db'),
    roots: { ...historyRoots(environment), scripted: join(directory, 'scripted') },
    onError: message => log.warn({ worker }, message),
  });
  const sessions = new LiveSessions({
    worker,
    drivers: driversOf({ config, log, processes, environment, directory }),
    log,
    roots,
    maxLive: max_live,
    parkAfterMs: park_after_seconds * 1000,
    permissionTimeoutMs: permission_timeout_seconds * 1000,
    allowsBypass: allow_bypass_permissions,
    mayWork,
    tell,
    // Each driver's processes are written down before they run.
    spawned: async () => {},
    gone: sessionId => rm(join(uploads, sessionId), { recursive: true, force: true }),
    fetch: (sessionId, attachment) => fetchFile(blobs, { folder: join(uploads, sessionId), attachment }),
  });
  return {
    sessions,
    past,
    async close() {
      await sessions.close();
      await processes.close();
      await past[Symbol.asyncDispose]();
    },
  };
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
  const configured = Object.entries(config.sessions.agents).map(
    ([
      kind,
      {
        command: [command = '', ...args],
        name,
      },
    ]) => {
      const agent = otherAgent({ kind, command, args });
      return createAcpDriver({ ...acp, agent: name === undefined ? agent : { ...agent, name } });
    },
  );
  const known = [
    createClaudeDriver({ processes, log, environment }),
    ...[codex, gemini, opencode].map(agent => createAcpDriver({ ...acp, agent })),
    createScriptedDriver({ directory: join(directory, 'scripted'), processes }),
  ];
  // What the operator configures takes the place of what we know of the same kind.
  return [...configured, ...known.filter(({ kind }) => !configured.some(one => one.kind === kind))];
}

function environmentOf(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(variables).filter(([name]) => !OWN_VARIABLES.test(name));
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** As a file of the session's own folder, under a name of ours. */
async function fetchFile(
  blobs: Blobs,
  { folder, attachment }: { folder: string; attachment: Attachment },
): Promise<string> {
  const path = join(folder, `${attachment.sha256}${extname(attachment.name).replaceAll(/[^.a-zA-Z0-9]/g, '')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const bytes = await blobs.get(attachment.sha256);
  if (bytes === undefined)
    throw new AppError('FILE_NOT_FOUND', `the attachment ${attachment.name} is not there any more`);
  await pipeline(bytes, createWriteStream(path, { mode: 0o600 }));
  return path;
}
