import {
  type Agent,
  type AgentProvider,
  type AgentStatus,
  agentStatuses,
  type ProviderName,
} from '../../providers/provider.ts';
import { type AgentLists, type FleetWarning, warningOf } from './agent-lists.ts';
import type { Asked, FleetCaller, FleetProviders } from './providers.ts';
import type { Snapshot, Snapshots } from './snapshots.ts';

export interface FleetQuery {
  readonly provider: Asked;
  readonly includeInactive: boolean;
  readonly status?: AgentStatus;
  readonly user?: string;
  readonly capability?: string;
  /** Text in names and assignments, in any case. */
  readonly query?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface FleetPage {
  readonly agents: readonly Agent[];
  readonly totalCount: number;
  readonly nextCursor: string | null;
  readonly computedAt: string;
  readonly warnings: readonly FleetWarning[];
}

export interface Gathered {
  /** In the order of lists. */
  readonly agents: readonly Agent[];
  readonly computedAt: string;
  readonly warnings: readonly FleetWarning[];
}

interface Asking {
  readonly caller: FleetCaller;
  readonly signal: AbortSignal;
}

/** All agents of all providers, wherever they run. */
export class FleetList {
  readonly #lists: AgentLists;
  readonly #providers: FleetProviders;
  readonly #snapshots: Snapshots;
  /** Of the credentials of each provider. */
  readonly #owners = new WeakMap<AgentProvider, string>();

  constructor(parts: {
    readonly lists: AgentLists;
    readonly providers: FleetProviders;
    readonly snapshots: Snapshots;
  }) {
    this.#lists = parts.lists;
    this.#providers = parts.providers;
    this.#snapshots = parts.snapshots;
  }

  /** Asks all at the same time. Of those that fail there are warnings; when all do, throws what the first threw. */
  async gather(
    { provider: asked, includeInactive }: Pick<FleetQuery, 'provider' | 'includeInactive'>,
    { caller, signal }: Asking,
  ): Promise<Gathered> {
    await this.#providers.refresh();
    const providers = this.#providers.asked(asked, caller);
    const read = (provider: AgentProvider) => this.#lists.read(provider, { includeInactive, signal });
    const answers = await Promise.allSettled(providers.map(read));
    signal.throwIfAborted();
    const agents: Agent[] = [];
    const warnings: FleetWarning[] = [];
    let oldest = Date.now();
    for (const [at, answer] of answers.entries()) {
      const name = providers[at]?.name;
      if (answer.status === 'fulfilled') {
        oldest = Math.min(oldest, answer.value.at);
        agents.push(...answer.value.agents);
      } else if (name !== undefined) warnings.push(warningOf(name, answer.reason));
    }
    const [first] = answers;
    if (warnings.length === answers.length && first?.status === 'rejected') throw first.reason;
    return { agents: agents.sort(inOrder), computedAt: new Date(oldest).toISOString(), warnings };
  }

  /** A page; with a cursor the next one of the list that the cursor is of, whatever else is asked. */
  async page(query: FleetQuery, asking: Asking): Promise<FleetPage> {
    if (query.cursor !== undefined) {
      const { snapshot, offset, next } = await this.#snapshots.read(query.cursor, asking.caller);
      return pageOf(snapshot, { offset, limit: query.limit, nextCursor: async end => next(end) });
    }
    const { agents, computedAt, warnings } = await this.gather(query, asking);
    const isOwned = query.user === 'me' ? await this.#own(agents, asking) : undefined;
    const snapshot: Snapshot = {
      caller: asking.caller.id,
      computedAt,
      agents: agents.filter(agent => fits(agent, query) && (isOwned?.(agent) ?? true)),
      warnings: [...warnings],
    };
    const nextCursor = (end: number) => this.#snapshots.keep(snapshot, end);
    return await pageOf(snapshot, { offset: 0, limit: query.limit, nextCursor });
  }

  /** Agents of the owner of each provider's credentials; whose these are is asked once. */
  async #own(agents: readonly Agent[], { caller, signal }: Asking): Promise<(agent: Agent) => boolean> {
    const owners = new Map<ProviderName, string>();
    for (const name of new Set(agents.map(agent => agent.provider))) {
      const provider = this.#providers.of(name, caller);
      const owner = this.#owners.get(provider) ?? (await provider.whoAmI?.({ signal }));
      if (owner === undefined) continue;
      this.#owners.set(provider, owner);
      owners.set(name, owner);
    }
    return ({ provider, user }) => user === (owners.get(provider) ?? user);
  }
}

async function pageOf(
  { agents, computedAt, warnings }: Snapshot,
  { offset, limit, nextCursor }: { offset: number; limit: number; nextCursor: (end: number) => Promise<string> },
): Promise<FleetPage> {
  const end = offset + limit;
  return {
    agents: agents.slice(offset, end),
    totalCount: agents.length,
    nextCursor: end < agents.length ? await nextCursor(end) : null,
    computedAt,
    warnings,
  };
}

const RANK = new Map(agentStatuses.map((status, rank) => [status, rank]));

/** By status, then the last changed first, then id. Agents without a time come last of their status. */
function inOrder(one: Agent, other: Agent): number {
  const rank = (RANK.get(one.status) ?? 0) - (RANK.get(other.status) ?? 0);
  if (rank !== 0) return rank;
  const time = timeOf(other) - timeOf(one);
  if (time !== 0) return time;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}

const timeOf = ({ updatedAt }: Agent): number => Date.parse(updatedAt ?? '') || 0;

/** Prompts are assignments while the agent works on them. */
export const assignmentOf = ({ status, initialPrompt }: Agent): string | null =>
  status === 'running' || status === 'busy' ? initialPrompt : null;

function fits(agent: Agent, { status, user, capability, query }: FleetQuery): boolean {
  if (status !== undefined && agent.status !== status) return false;
  if (user !== undefined && user !== 'me' && agent.user !== user) return false;
  const abilities: readonly string[] = [...agent.capabilities, ...agent.labels];
  if (capability !== undefined && !abilities.includes(capability)) return false;
  if (query === undefined) return true;
  const wanted = query.toLowerCase();
  const texts = [agent.name, agent.workspaceName, assignmentOf(agent)];
  return texts.some(text => text?.toLowerCase().includes(wanted));
}
