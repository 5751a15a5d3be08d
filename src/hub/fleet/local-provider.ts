import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import {
  type Agent,
  type AgentLogs,
  type AgentProvider,
  type AgentRef,
  agentCapabilities,
  type CreateAgent,
  type LogSource,
  type ProviderHealth,
} from '../../providers/provider.ts';
import type { AgentSessionRecord } from '../../store/agents/rows.ts';
import type { Call, Workspaces } from '../hub.ts';
import type { SessionDesk } from '../sessions/session-desk.ts';
import { agentBusy, agentNotFound, agentOffline, cannot, workspaceNotThere } from './errors.ts';
import { localLogs } from './local-agents.ts';
import type { LocalSessions } from './local-sessions.ts';

/** Messages that the logs of a session are made of, and the characters of each part. */
const MOST_MESSAGES = 1_000;
const MOST_CHARS = 16_000;

interface Waiting {
  readonly signal: AbortSignal;
}

interface Parts {
  readonly caller: Caller;
  readonly desk: SessionDesk;
  readonly sessions: LocalSessions;
  readonly workspaces: Pick<Workspaces, 'delete'>;
  /** All sessions of the caller that have ever worked in this workspace. */
  inWorkspace(workspaceId: string, caller: string): Promise<AgentSessionRecord[]>;
}

/** The sessions of one caller as a provider of agents: it stands on the hub's own records. */
export class LocalProvider implements AgentProvider {
  readonly name = 'local';
  readonly capabilities = agentCapabilities.filter(one => one !== 'pause' && one !== 'resume');
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  health(): ProviderHealth {
    return { state: 'ok', since: null, reason: null };
  }

  list({ includeInactive }: { readonly includeInactive: boolean } & Waiting): Promise<Agent[]> {
    return this.#parts.sessions.list(this.#parts.caller, { includeInactive });
  }

  get(agent: AgentRef): Promise<Agent> {
    return asAgent(agent, () => this.#parts.sessions.get(agent.id, this.#parts.caller));
  }

  /** By its title. A directory is no name: any number of sessions work in one. */
  async findByName({ name }: { readonly user: string; readonly name: string }): Promise<Agent | undefined> {
    const agents = await this.#parts.sessions.list(this.#parts.caller, { includeInactive: false });
    return agents.find(agent => agent.name === name);
  }

  async logs(agent: AgentRef, { source }: { readonly source: LogSource } & Waiting): Promise<AgentLogs> {
    if (source === 'agent') return { entries: [], snapshot: false, snapshotAt: null };
    const reading = { limit: MOST_MESSAGES, maxPartChars: MOST_CHARS };
    const { recorded, past } = await asAgent(agent, () => this.#parts.desk.look(agent.id, this.#parts.caller, reading));
    const { messages } = recorded ?? past ?? { messages: [] };
    return { entries: localLogs(messages, agent.id), snapshot: false, snapshotAt: null };
  }

  async create({ prompt, name, displayName, template, callId }: CreateAgent, { signal }: Waiting): Promise<Agent> {
    const { desk, caller } = this.#parts;
    const request = {
      agent: template ?? desk.defaultAgent,
      cwd: name,
      prompt,
      title: displayName,
      permissionMode: 'default' as const,
      ...(callId !== undefined && { idempotencyKey: callId }),
    };
    const { id } = await desk.create(request, callOf(caller, signal));
    return await this.get({ user: caller.id, id });
  }

  /** `create` of the same call finds it, whatever became of it since. */
  async findCreated(): Promise<undefined> {
    return undefined;
  }

  async send(
    agent: AgentRef,
    { text, interrupt, signal }: { readonly text: string; readonly interrupt: boolean } & Waiting,
  ): Promise<void> {
    const { desk, caller } = this.#parts;
    const now = await this.get(agent);
    if (now.status === 'offline') throw agentOffline(now);
    if (now.status === 'busy' && !interrupt) throw agentBusy(now);
    const session = await asAgent(agent, () => desk.find(agent.id, caller));
    const whenBusy = interrupt ? 'interrupt' : 'error';
    try {
      await desk.send({ session, prompt: { text, attachments: [] }, whenBusy }, callOf(caller, signal));
    } catch (error) {
      if (error instanceof AppError && error.code === 'SESSION_BUSY') throw agentBusy(now);
      throw error;
    }
  }

  async pause(agent: AgentRef): Promise<void> {
    throw cannot(await this.get(agent), 'pause');
  }

  /** It goes on with the next input. */
  async resume(agent: AgentRef): Promise<void> {
    throw cannot(await this.get(agent), 'resume');
  }

  async interrupt(agent: AgentRef): Promise<void> {
    const { desk, caller } = this.#parts;
    await desk.abort(await asAgent(agent, () => desk.find(agent.id, caller)));
  }

  async deleteWorkspace({ workspaceId: id }: { readonly workspaceId: string } & Waiting) {
    const { desk, caller, workspaces } = this.#parts;
    const sessions = id.startsWith('ws_') ? await this.#parts.inWorkspace(id, caller.id) : [await this.#session(id)];
    for (const session of sessions) await desk.dispose(session);
    const inner = id.startsWith('ws_') ? id : sessions[0]?.workspaceId;
    if (typeof inner === 'string') {
      try {
        await workspaces.delete(inner, caller);
      } catch (error) {
        // Sessions tell of workspaces that were deleted before.
        const isGone = error instanceof AppError && error.code === 'WORKSPACE_NOT_FOUND';
        if (!isGone || sessions.length === 0) throw error;
      }
    }
    return { workspaceId: id, data: { workspace_id: id, sessions: sessions.map(session => session.id) } };
  }

  async #session(id: string): Promise<AgentSessionRecord> {
    try {
      return await this.#parts.desk.find(id, this.#parts.caller);
    } catch (error) {
      if (error instanceof AppError && error.code === 'SESSION_NOT_FOUND') throw workspaceNotThere(id);
      throw error;
    }
  }
}

/** A session that is not there is an agent that is not there. */
async function asAgent<Value>(agent: AgentRef, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError && error.code === 'SESSION_NOT_FOUND') throw agentNotFound(agent);
    throw error;
  }
}

const callOf = (caller: Caller, signal: AbortSignal): Call => ({
  caller,
  signal,
  turn: { reached: () => undefined, done: () => {} },
  wantsTask: false,
  report: () => {},
});
