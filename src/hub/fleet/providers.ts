import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { AgentProvider, ProviderName, ProviderSource } from '../../providers/provider.ts';
import type { Foundation } from '../foundation.ts';
import { providerNotConfigured } from './errors.ts';
import type { LocalProvider } from './local-provider.ts';

/** One provider, or all that there are. */
export type Asked = ProviderName | 'all';

/** For whom agents are asked for. Whoever acts in the background knows an id alone, and sees what is that caller's own. */
export type FleetCaller = Pick<Caller, 'id'> & Partial<Pick<Caller, 'teams' | 'isReadOnly'>>;

interface Parts {
  readonly source: ProviderSource;
  readonly localOf: (caller: FleetCaller) => LocalProvider;
}

/** The providers of agents that are configured, and the sessions of each caller. */
export class FleetProviders {
  readonly #log: Foundation['log'];
  readonly #parts: Parts;
  #shared: ReadonlyMap<ProviderName, AgentProvider> = new Map();

  constructor({ log }: Pick<Foundation, 'log'>, parts: Parts) {
    this.#log = log;
    this.#parts = parts;
  }

  /** To be awaited before providers are asked for: credentials may have been set, changed or taken away meanwhile. */
  async refresh(): Promise<void> {
    try {
      const found = await this.#parts.source();
      this.#shared = new Map(found.map(provider => [provider.name, provider]));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#log.warn({ err: error }, 'the credentials of agents cannot be read, those that were known stay in use');
    }
  }

  /** Those whose agents are the same for every caller. */
  get shared(): readonly AgentProvider[] {
    return [...this.#shared.values()];
  }

  has(name: ProviderName): boolean {
    return name === 'local' || this.#shared.has(name);
  }

  /** Throws PROVIDER_NOT_CONFIGURED. */
  of(name: ProviderName, caller: FleetCaller): AgentProvider {
    const provider = name === 'local' ? this.#parts.localOf(caller) : this.#shared.get(name);
    if (provider === undefined) throw providerNotConfigured(name);
    return provider;
  }

  /** Throws PROVIDER_NOT_CONFIGURED for one that is named; all are those that there are. */
  asked(asked: Asked, caller: FleetCaller): readonly AgentProvider[] {
    return asked === 'all' ? [...this.#shared.values(), this.#parts.localOf(caller)] : [this.of(asked, caller)];
  }
}
