import { join } from 'node:path';
import type { Blobs } from '../../blobs/blobs.ts';
import type { Config } from '../../config/config.ts';
import { sessionRoots } from '../../config/sessions.ts';
import type { Log } from '../../log/log.ts';
import type { SessionTold } from '../../protocol/session-messages.ts';
import { type History, openHistory } from '../history/history.ts';
import { historyRoots } from '../history/roots.ts';
import type { Workspaces } from '../workspaces.ts';
import { AgentBoxes } from './boxes/agent-boxes.ts';
import type { OpenSession } from '../../protocol/presence.ts';
import { LiveSessions } from './live-sessions.ts';
import type { OpenDrivers } from './open-drivers.ts';
import { openPresence, type TerminalPresence } from './presence/open-presence.ts';
import { memoryOf } from './processes/memory.ts';
import { Uploads } from './uploads.ts';
import { WarmAgents } from './warm-agents.ts';

/** Less than this is wanted by those who work: about ten agents of the larger kind. */
const SPARE_BYTES = 2 * 2 ** 30;

interface AgentsOptions {
  readonly worker: string;
  readonly config: Config;
  readonly log: Log;
  readonly blobs: Blobs;
  readonly opened: OpenDrivers;
  /** In whose boxes agents may run. */
  readonly workspaces: Workspaces;
  mayWork(): boolean;
  tell(told: SessionTold): Promise<{ isFenced: boolean; expected: number }>;
  tellOpen(open: readonly OpenSession[], signal: AbortSignal): Promise<unknown>;
  tellGrown(agentSessionIds: readonly string[]): Promise<unknown>;
}

export interface Agents {
  readonly sessions: LiveSessions;
  readonly past: History;
  readonly presence: TerminalPresence;
  close(): Promise<void>;
}

/** The sessions of the coding agents of this machine, and their history. */
export async function openAgents(options: AgentsOptions): Promise<Agents> {
  const { worker, config, log, blobs, opened, workspaces, mayWork, tell } = options;
  const { drivers, processes, programs, environment, directory } = opened;
  const {
    max_live,
    park_after_seconds,
    max_memory_mb,
    warm_agents,
    permission_timeout_seconds,
    allow_bypass_permissions,
  } = config.sessions;
  const uploads = await Uploads.open({ directory: join(directory, 'uploads'), blobs, log });
  const past = await openHistory({
    path: join(directory, 'history.db'),
    roots: { ...historyRoots(environment, config.history.paths), scripted: join(directory, 'scripted') },
    ...(config.history.retention_days !== undefined && { retentionDays: config.history.retention_days }),
    onError: message => log.warn({ worker }, message),
  });
  const sessions = new LiveSessions({
    worker,
    drivers,
    boxes: new AgentBoxes({ workspaces, programs, config, log, environment }),
    log,
    roots: sessionRoots(config),
    maxLive: max_live,
    warm: new WarmAgents({ most: warm_agents, log, hasMemory: () => process.availableMemory() > SPARE_BYTES }),
    ...(max_memory_mb !== undefined && {
      memory: { maxBytes: max_memory_mb * 2 ** 20, used: () => memoryOf(processes.pids()) },
    }),
    parkAfterMs: park_after_seconds * 1000,
    permissionTimeoutMs: permission_timeout_seconds * 1000,
    allowsBypass: allow_bypass_permissions,
    mayWork,
    tell,
    openElsewhere: (agent, id) => presence.find(agent, id),
    // Each driver's processes are written down before they run.
    spawned: async () => {},
    fetch: (sessionId, attachment) => uploads.fetch(sessionId, attachment),
  });
  const presence: TerminalPresence = openPresence({
    log,
    environment,
    processes,
    past,
    isDriven: id => sessions.drives(id),
    changed: () => sessions.giveWay(id => presence.isOpen(id)),
    tellOpen: options.tellOpen,
    tellGrown: options.tellGrown,
  });
  return {
    sessions,
    past,
    presence,
    async close() {
      await presence[Symbol.asyncDispose]();
      await sessions.close();
      uploads.close();
      await processes.close();
      await past[Symbol.asyncDispose]();
    },
  };
}
