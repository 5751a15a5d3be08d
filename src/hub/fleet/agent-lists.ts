import { AppError } from '../../errors/app-error.ts';
import { unlessAborted } from '../../providers/http/unless-aborted.ts';
import type { Agent, AgentProvider, ProviderName } from '../../providers/provider.ts';
import type { Foundation } from '../foundation.ts';
import type { Peers } from '../hub.ts';

export interface ListedAgents {
  readonly agents: readonly Agent[];
  /** When the provider was asked, epoch milliseconds. */
  readonly at: number;
}

interface Flight {
  /** Other credentials see other agents. */
  readonly provider: AgentProvider;
  readonly startedAt: number;
  readonly list: Promise<ListedAgents>;
}

interface Wanted {
  readonly includeInactive: boolean;
  readonly signal: AbortSignal;
  /** Asks anew, for all who ask from now on. */
  readonly isFresh?: boolean;
}

/** What hubs tell each other: agents of this provider were changed. */
const CHANGED = 'agents changed';

/**
 * Lists of agents, each asked for once by all who want it at the same time, and kept for a moment: however many callers there are, a
 * provider is listed as often as by one, at each hub.
 */
export class AgentLists {
  readonly #foundation: Foundation;
  readonly #peers: Peers;
  readonly #flights = new Map<string, Flight>();

  constructor(foundation: Foundation, peers: Peers) {
    this.#foundation = foundation;
    this.#peers = peers;
    peers.hear(CHANGED, ({ provider }) => this.#drop(String(provider)));
  }

  async read(provider: AgentProvider, { includeInactive, signal, isFresh = false }: Wanted): Promise<ListedAgents> {
    // Records of this installation cost no request, and belong to one caller.
    if (provider.name === 'local') return await this.#list(provider, { includeInactive, signal });
    const key = keyOf(provider.name, includeInactive);
    const known = this.#flights.get(key);
    const isOurs = known?.provider === provider;
    const isYoung = isOurs && performance.now() - known.startedAt < this.#foundation.timing.agentsMs;
    const flight = isYoung && !isFresh ? known : this.#begin(provider, { key, includeInactive });
    return await unlessAborted(flight.list, signal);
  }

  /** Something was changed there: what is known is not what is, at other hubs neither. */
  forget(provider: ProviderName): void {
    this.#drop(provider);
    this.#peers.tell(CHANGED, { provider });
  }

  #drop(provider: string): void {
    for (const includeInactive of [false, true]) this.#flights.delete(keyOf(provider, includeInactive));
  }

  /** One that nobody may abort, because others may come to wait for it. */
  #begin(provider: AgentProvider, { key, includeInactive }: { key: string; includeInactive: boolean }): Flight {
    const { signal } = this.#foundation.background;
    const startedAt = performance.now();
    const list = this.#list(provider, { includeInactive, signal });
    const flight = { provider, startedAt, list };
    this.#flights.set(key, flight);
    list.catch(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    return flight;
  }

  async #list(provider: AgentProvider, query: Parameters<AgentProvider['list']>[0]): Promise<ListedAgents> {
    const at = Date.now();
    return { agents: await provider.list(query), at };
  }
}

const keyOf = (provider: string, includeInactive: boolean): string => `${provider} ${includeInactive}`;

/** What a caller is told of a provider that failed, in the words of the error. */
export function warningOf(provider: ProviderName, error: unknown): FleetWarning {
  if (error instanceof AppError) return { provider, error_code: error.code, error: error.message };
  throw error;
}

export interface FleetWarning {
  readonly provider: ProviderName;
  readonly error_code: string;
  readonly error: string;
}
