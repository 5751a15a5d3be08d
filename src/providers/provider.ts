/**
 * The port to whoever runs agents elsewhere. Agents' state belongs to the providers: nothing here is stored, and what a provider
 * does not tell is null, false or empty, never made up. Times are ISO 8601 UTC, to the precision that the provider gives.
 */

export const providerNames = ['coder', 'codegen', 'local'] as const;
export type ProviderName = (typeof providerNames)[number];

export const agentStatuses = ['busy', 'running', 'error', 'idle', 'offline', 'stopped'] as const;
/**
 * `running`: up, with unknown or starting activity; `idle`: ready for work; `busy`: working; `offline`: unreachable; `error`: failed;
 * `stopped`: ended or paused on purpose. In the order in which agents are listed.
 */
export type AgentStatus = (typeof agentStatuses)[number];

export const agentCapabilities = [
  'logs',
  'send_input',
  'delete',
  'pause',
  'resume',
  'interrupt',
  'permissions',
  'fork',
] as const;
/** What may be asked of one agent as it is now: a `stopped` agent with `resume` is paused, one without has ended for good. */
export type AgentCapability = (typeof agentCapabilities)[number];

export interface Agent {
  readonly provider: ProviderName;
  /** The provider's own id. */
  readonly id: string;
  /** Name of the owner. */
  readonly user: string;
  readonly workspaceId: string | null;
  readonly workspaceName: string | null;
  /** The agent's own name, where it has one: `findByName` finds it by this and by the name of its workspace. */
  readonly name: string | null;
  readonly status: AgentStatus;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  readonly lastActivityAt: string | null;
  readonly capabilities: readonly AgentCapability[];
  /** Labels that the provider keeps for it; shown among the capabilities. */
  readonly labels: readonly string[];
  /** What it was made for; null where the provider does not tell. */
  readonly initialPrompt: string | null;
  readonly connected: boolean;
  /** Everything else worth showing, in snake_case, as `provider_status`, `state_message`, `template`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** A page for people. */
  readonly url: string | null;
}

/** An agent as a caller names it. */
export interface AgentRef {
  /** Owner: a name, an id or `me`. */
  readonly user: string;
  readonly id: string;
}

export const logLevels = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface AgentLogEntry {
  readonly timestamp: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly agentId: string;
  readonly taskId: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** `task`: what the agent said and was told; `agent`: what the machine that it runs on says. */
export type LogSource = 'task' | 'agent' | 'all';

export interface AgentLogs {
  /** Oldest first, unfiltered: whoever asked filters, limits and pages. */
  readonly entries: readonly AgentLogEntry[];
  /** They are what was kept of an agent that is paused, not what it says now. */
  readonly snapshot: boolean;
  readonly snapshotAt: string | null;
}

export interface CreateAgent {
  readonly user: string;
  readonly prompt: string;
  /** Of the workspace and, where agents have names, of the agent. */
  readonly name: string;
  readonly template?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly preset?: string;
  readonly displayName?: string;
  /** Of the call that it is made for, the same in every attempt at it. */
  readonly callId?: string;
}

/** What a provider says of itself without being asked over the network. */
export interface ProviderHealth {
  /** `unknown` until the first answer. */
  readonly state: 'unknown' | 'ok' | 'failing';
  /** When the state began; null while it is unknown. */
  readonly since: string | null;
  /** The last failure, in words without secrets; null when all is well. */
  readonly reason: string | null;
}

interface Waiting {
  readonly signal: AbortSignal;
}

/** The providers that are configured at this moment; each is the same while its credentials are. */
export type ProviderSource = () => Promise<readonly AgentProvider[]>;

/**
 * One provider of agents. All methods throw AppError of the contract: AGENT_NOT_FOUND (unknown id, for every method that takes a
 * reference), AUTHENTICATION_FAILED, RATE_LIMITED, NETWORK_ERROR, VALIDATION_ERROR, AGENT_NOT_READY and the provider's own
 * `…_API_ERROR`; and AbortError when the signal is aborted.
 */
export interface AgentProvider {
  readonly name: ProviderName;
  /** All that agents of this provider can ever do; what one can do now says the agent. */
  readonly capabilities: readonly AgentCapability[];
  health(): ProviderHealth;
  /** Name of the owner of the credentials; absent where agents have no owners that could be told apart. */
  whoAmI?(options: Waiting): Promise<string>;

  /** Every agent that the credentials may see, in no order. Without `includeInactive` those that ended or were archived are left out. */
  list(query: { readonly includeInactive: boolean } & Waiting): Promise<Agent[]>;
  get(agent: AgentRef, options: Waiting): Promise<Agent>;
  /** The agent of that user whose name, or whose workspace's name, this is; undefined where there is none. */
  findByName(query: { readonly user: string; readonly name: string } & Waiting): Promise<Agent | undefined>;
  logs(agent: AgentRef, options: { readonly source: LogSource } & Waiting): Promise<AgentLogs>;

  /**
   * Makes a new agent; the caller has looked with `findByName` that there is none. A lost answer is resolved by `findCreated`, never
   * by asking twice. WORKSPACE_NOT_FOUND without template, TEMPLATE_NOT_FOUND, CAPABILITY_UNSUPPORTED, NETWORK_ERROR when it cannot
   * be said whether it was made.
   */
  create(request: CreateAgent, options: Waiting): Promise<Agent>;
  /**
   * The agent that an earlier `create` of the same call made, for calls whose maker died: known by its name and prompt, or, where agents
   * have no names of their own, by `callId`. Undefined too where `create` itself finds it.
   */
  findCreated(request: CreateAgent, options: Waiting): Promise<Agent | undefined>;

  /**
   * Gives input to an agent that is idle or running, or, with `interrupt`, to a busy one that can be interrupted. Looks at its state
   * first and sends nothing to one that cannot take it: AGENT_OFFLINE when offline, failed or ended, AGENT_BUSY when busy,
   * AGENT_NOT_READY when it is starting or paused. It never waits, resumes or queues. A lost answer is NETWORK_ERROR, never repeated.
   */
  send(agent: AgentRef, options: { readonly text: string; readonly interrupt: boolean } & Waiting): Promise<void>;
  /** These answer once the provider has accepted; the effect is seen by `get`. CAPABILITY_UNSUPPORTED, AGENT_OFFLINE. */
  pause(agent: AgentRef, options: Waiting): Promise<void>;
  /** Never repeats the initial prompt. An agent that is not paused is left as it is. */
  resume(agent: AgentRef, options: Waiting): Promise<void>;
  interrupt(agent: AgentRef, options: Waiting): Promise<void>;
  /**
   * Deletes a workspace with its agents; success too when it is being deleted or gone already. WORKSPACE_NOT_FOUND when it never
   * was. `data` is what the provider told of it, for people.
   */
  deleteWorkspace(
    query: { readonly workspaceId: string } & Waiting,
  ): Promise<{ readonly workspaceId: string; readonly data: Readonly<Record<string, unknown>> }>;
}
