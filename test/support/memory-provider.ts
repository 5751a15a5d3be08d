import { AppError } from '../../src/errors/app-error.ts';
import {
  type Agent,
  type AgentLogEntry,
  type AgentProvider,
  type AgentRef,
  type AgentStatus,
  agentCapabilities,
  type CreateAgent,
  type ProviderName,
} from '../../src/providers/provider.ts';

/** An agent with nothing to tell but what is given. */
export const plainAgent = (part: Partial<Agent> & { readonly id: string }): Agent => ({
  provider: 'coder',
  user: 'alice',
  workspaceId: `ws-of-${part.id}`,
  workspaceName: `box-${part.id}`,
  name: part.id,
  status: 'idle',
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  lastActivityAt: null,
  capabilities: ['logs', 'send_input', 'delete'],
  labels: [],
  initialPrompt: null,
  connected: true,
  metadata: {},
  url: null,
  ...part,
});

/** A provider of agents that a test directs: it keeps the port's promises, and counts what it is asked. */
export class MemoryProvider implements AgentProvider {
  readonly name: ProviderName;
  readonly capabilities = agentCapabilities;
  readonly agents = new Map<string, Agent>();
  readonly entries = new Map<string, AgentLogEntry[]>();
  /** What agents were told, as `id: text`. */
  readonly sent: string[] = [];
  readonly counts = { list: 0, get: 0, send: 0, create: 0, delete: 0, resume: 0 };
  /** What every call throws, while it is set. */
  failure: AppError | undefined;
  /** What the next sending throws, once it has or has not been done. */
  sending: { error: Error; isDone: boolean } | undefined;
  /** Runs before a list is answered. */
  onList: () => Promise<void> = async () => {};
  /** Runs once an agent is made and before that is answered. */
  onCreated: () => Promise<void> = async () => {};

  constructor(name: ProviderName = 'coder') {
    this.name = name;
  }

  add(part: Partial<Agent> & { readonly id: string }): void {
    this.agents.set(part.id, plainAgent({ provider: this.name, ...part }));
  }

  become(id: string, status: AgentStatus, part: Partial<Agent> = {}): void {
    this.agents.set(id, { ...this.#known({ user: 'me', id }), status, ...part });
  }

  health() {
    return { state: 'ok', since: null, reason: null } as const;
  }

  async whoAmI() {
    return 'alice';
  }

  async list() {
    this.counts.list += 1;
    await this.onList();
    this.#mayFail();
    return [...this.agents.values()];
  }

  async get(agent: AgentRef) {
    this.counts.get += 1;
    return this.#known(agent);
  }

  async findByName({ name }: { readonly name: string }) {
    this.#mayFail();
    return [...this.agents.values()].find(agent => agent.name === name || agent.workspaceName === name);
  }

  async logs(agent: AgentRef) {
    const { id } = this.#known(agent);
    return { entries: this.entries.get(id) ?? [], snapshot: false, snapshotAt: null };
  }

  async create({ user, name, prompt, template }: CreateAgent) {
    this.counts.create += 1;
    this.#mayFail();
    if (template === undefined)
      throw new AppError('WORKSPACE_NOT_FOUND', `Workspace not found: ${name}`, {
        details: { workspace_name: name, user },
      });
    this.add({ id: `made-${this.agents.size + 1}`, name, initialPrompt: prompt, status: 'running' });
    await this.onCreated();
    return this.#known({ user, id: `made-${this.agents.size}` });
  }

  async findCreated({ name, prompt }: CreateAgent) {
    return [...this.agents.values()].find(agent => agent.name === name && agent.initialPrompt === prompt);
  }

  async send(agent: AgentRef, { text, interrupt }: { readonly text: string; readonly interrupt: boolean }) {
    const { id, status } = this.#known(agent);
    if (status === 'offline' || status === 'error') throw new AppError('AGENT_OFFLINE', `Agent ${id} is ${status}`);
    if (status === 'stopped') throw new AppError('AGENT_NOT_READY', `Agent ${id} is paused`);
    if (status === 'busy' && !interrupt) throw new AppError('AGENT_BUSY', `Agent ${id} is busy`);
    this.counts.send += 1;
    const { sending } = this;
    this.sending = undefined;
    if (sending === undefined || sending.isDone) this.sent.push(`${id}: ${text}`);
    if (sending !== undefined) throw sending.error;
  }

  async pause(agent: AgentRef) {
    this.become(agent.id, 'stopped', { capabilities: ['logs', 'delete', 'resume'] });
  }

  async resume(agent: AgentRef) {
    this.counts.resume += 1;
    this.become(agent.id, 'idle', { capabilities: ['logs', 'send_input', 'delete'] });
  }

  async interrupt(agent: AgentRef) {
    this.become(agent.id, 'idle');
  }

  async deleteWorkspace({ workspaceId }: { readonly workspaceId: string }) {
    this.counts.delete += 1;
    for (const { id, workspaceId: of } of this.agents.values()) if (of === workspaceId) this.agents.delete(id);
    return { workspaceId, data: { workspace_id: workspaceId } };
  }

  #known({ id, user }: AgentRef): Agent {
    this.#mayFail();
    const agent = this.agents.get(id);
    if (agent === undefined)
      throw new AppError('AGENT_NOT_FOUND', `Agent not found: ${id}`, { details: { user, agent_id: id } });
    return agent;
  }

  #mayFail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
