import type { Caller } from '../../auth/caller.ts';
import type { AgentProvider, ProviderName } from '../../providers/provider.ts';
import { providerNotConfigured } from './errors.ts';
import type { LocalProvider } from './local-provider.ts';

/** One provider, or all that there are. */
export type Asked = ProviderName | 'all';

/** The providers of agents that are configured, and the sessions of each caller. */
export class FleetProviders {
  readonly #shared: ReadonlyMap<ProviderName, AgentProvider>;
  readonly #localOf: (caller: Pick<Caller, 'id'>) => LocalProvider;

  constructor(
    shared: readonly AgentProvider[],
    options: { readonly localOf: (caller: Pick<Caller, 'id'>) => LocalProvider },
  ) {
    this.#shared = new Map(shared.map(provider => [provider.name, provider]));
    this.#localOf = options.localOf;
  }

  /** Those whose agents are the same for every caller. */
  get shared(): readonly AgentProvider[] {
    return [...this.#shared.values()];
  }

  has(name: ProviderName): boolean {
    return name === 'local' || this.#shared.has(name);
  }

  /** Throws PROVIDER_NOT_CONFIGURED. */
  of(name: ProviderName, caller: Pick<Caller, 'id'>): AgentProvider {
    const provider = name === 'local' ? this.#localOf(caller) : this.#shared.get(name);
    if (provider === undefined) throw providerNotConfigured(name);
    return provider;
  }

  /** Throws PROVIDER_NOT_CONFIGURED for one that is named; all are those that there are. */
  asked(asked: Asked, caller: Pick<Caller, 'id'>): readonly AgentProvider[] {
    return asked === 'all' ? [...this.#shared.values(), this.#localOf(caller)] : [this.of(asked, caller)];
  }
}
