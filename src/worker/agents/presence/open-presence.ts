import { join } from 'node:path';
import type { Log } from '../../../log/log.ts';
import type { OpenSession } from '../../../protocol/presence.ts';
import type { History } from '../../history/history.ts';
import { findProgramNow } from '../drivers/find-program.ts';
import type { AgentProcesses } from '../processes/agent-processes.ts';
import { listClaudeAgents } from './claude-agents.ts';
import { endedAmong, ownAmong } from './own-processes.ts';
import { Presence } from './presence.ts';
import { PresenceTeller } from './presence-teller.ts';
import { SessionFolder } from './session-folder.ts';
import { StartingTerminals } from './starting-terminals.ts';

/** The only agent that tells which of its sessions are open. */
const AGENT = 'claude';
/** Lines that come within a moment are told of together. */
const MOMENT_MS = 30;

interface PresenceParts {
  readonly log: Log;
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: AgentProcesses;
  readonly past: Pick<History, 'changes'>;
  /** The worker drives it at this moment. */
  isDriven(agentSessionId: string): boolean;
  /** Sessions were opened, closed, or began or ended a turn. */
  changed(open: readonly OpenSession[]): void;
  tellOpen(open: readonly OpenSession[], signal: AbortSignal): Promise<unknown>;
  tellGrown(agentSessionIds: readonly string[]): Promise<unknown>;
}

/** What users of this machine do with sessions in their own terminals. */
export interface TerminalPresence extends AsyncDisposable {
  /** As of now; undefined when nobody has it open, or the agent does not tell. Throws AGENT_UNAVAILABLE when it should but cannot. */
  find(agent: string, agentSessionId: string): Promise<OpenSession | undefined>;
  /** The same, looking anew whatever was seen last. */
  check(agent: string, agentSessionId: string): Promise<OpenSession | undefined>;
  /** As of now, or as of the last look where that cannot be told. */
  seen(agent: string, agentSessionId: string): Promise<OpenSession | undefined>;
  /** As of the last look. */
  isOpen(agentSessionId: string): boolean;
}

/** Begins to look who has which session open, and to tell hubs of it and of what is written there. */
export function openPresence(parts: PresenceParts): TerminalPresence {
  const { log, environment, processes, past } = parts;
  const config = environment.CLAUDE_CONFIG_DIR ?? join(environment.HOME ?? '/', '.claude');
  const closed = new AbortController();
  const teller = new PresenceTeller({ log, tell: parts.tellOpen });
  const find = () => findProgramNow(environment.CLAUDE_BIN ?? AGENT, environment.PATH);
  const starting = new StartingTerminals({ program: find, config, own: () => [process.pid, ...processes.pids()] });
  const folder = new SessionFolder(config);
  const presence = new Presence({
    log,
    async list(signal) {
      const program = find();
      if (program === undefined) return undefined;
      const listed = await listClaudeAgents(program, { environment, signal });
      const ended = await endedAmong(listed.map(({ pid }) => pid));
      return listed.filter(({ pid }) => !ended.has(pid));
    },
    signs: () => folder.signs(processes.pids()),
    starting: how => starting.look(how),
    ownPids: () => processes.pids(),
    ownAmong,
    changed(open) {
      teller.set(open);
      parts.changed(open);
    },
  });
  const following = follow(parts, { presence, changes: past.changes(closed.signal), signal: closed.signal });
  return {
    find: (agent, id) => (agent === AGENT ? presence.find(id) : Promise.resolve(undefined)),
    check: (agent, id) => (agent === AGENT ? presence.check(id) : Promise.resolve(undefined)),
    seen: (agent, id) => (agent === AGENT ? presence.seen(id) : Promise.resolve(undefined)),
    isOpen: id => presence.isOpen(id),
    async [Symbol.asyncDispose]() {
      closed.abort(new Error('presence is closed'));
      await Promise.all([presence.close(), teller.close(), following]);
      starting.close();
    },
  };
}

interface Following {
  readonly presence: Presence;
  readonly changes: ReturnType<History['changes']>;
  readonly signal: AbortSignal;
}

/** Tells of transcripts that grow, and looks who is writing there. */
async function follow(
  { log, isDriven, tellGrown }: PresenceParts,
  { presence, changes, signal }: Following,
): Promise<void> {
  const grown = new Set<string>();
  const told = new Set<Promise<void>>();
  const tell = async () => {
    const ids = [...grown];
    grown.clear();
    // What is lost here is found by the hub's next look.
    await tellGrown(ids).catch(error => log.debug({ err: error }, 'no hub has heard that transcripts grew'));
  };
  let timer: NodeJS.Timeout | undefined;
  const tellSoon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      const telling = tell().finally(() => told.delete(telling));
      told.add(telling);
    }, MOMENT_MS);
  };
  try {
    for await (const { session } of changes) {
      if (isDriven(session.agentSessionId)) continue;
      if (session.agent === AGENT && !presence.isOpen(session.agentSessionId)) presence.nudge();
      grown.add(session.agentSessionId);
      tellSoon();
    }
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'transcripts are followed no more');
  } finally {
    clearTimeout(timer);
    await Promise.all(told);
  }
}
