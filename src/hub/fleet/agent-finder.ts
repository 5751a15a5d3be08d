import type { Caller } from '../../auth/caller.ts';
import { type AgentProvider, type AgentRef, type ProviderName, providerNames } from '../../providers/provider.ts';
import type { Store } from '../../store/store.ts';
import { agentNotFound, badField, workspaceNotThere } from './errors.ts';
import type { Asked, FleetProviders } from './providers.ts';

const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

export interface FoundAgent {
  readonly provider: AgentProvider;
  readonly ref: AgentRef;
}

/** Which provider an id is of. */
export class AgentFinder {
  readonly #providers: FleetProviders;
  readonly #store: Pick<Store, 'sessions'>;

  constructor(providers: FleetProviders, store: Pick<Store, 'sessions'>) {
    this.#providers = providers;
    this.#store = store;
  }

  /**
   * Asks no provider whether there is such an agent. Throws VALIDATION_ERROR when the id names another provider than is asked,
   * PROVIDER_NOT_CONFIGURED, and AGENT_NOT_FOUND for an id that only a provider could have which is not configured.
   */
  async agent(
    { id: given, user, provider: asked }: { id: string; user: string; provider: Asked },
    caller: Caller,
  ): Promise<FoundAgent> {
    const { name, id } = split(given, asked, 'agent_id');
    await this.#providers.refresh();
    const ref = { user: name === 'local' ? caller.id : user, id };
    if (name !== undefined) return { provider: this.#providers.of(name, caller), ref };
    const guessed = await this.#guess(id, caller);
    if (!this.#providers.has(guessed)) throw agentNotFound({ user, id });
    return { provider: this.#providers.of(guessed, caller), ref: guessed === 'local' ? { user: caller.id, id } : ref };
  }

  /** The same for workspaces; throws WORKSPACE_NOT_FOUND instead. */
  async workspace(
    { id: given, provider: asked }: { id: string; provider: Asked },
    caller: Caller,
  ): Promise<{ provider: AgentProvider; id: string }> {
    const { name, id } = split(given, asked, 'workspace_id');
    await this.#providers.refresh();
    if (name !== undefined) return { provider: this.#providers.of(name, caller), id };
    const guessed = id.startsWith('ws_') ? 'local' : await this.#guess(id, caller);
    if (!this.#providers.has(guessed)) throw workspaceNotThere(id);
    return { provider: this.#providers.of(guessed, caller), id };
  }

  async #guess(id: string, caller: Caller): Promise<ProviderName> {
    if (/^\d+$/.test(id)) return 'codegen';
    if (!UUID.test(id)) return 'coder';
    const session = await this.#store.sessions.get(id.toLowerCase());
    if (session?.caller === caller.id) return 'local';
    // Sessions that only a transcript tells of are looked for where nobody else could have the id.
    return this.#providers.has('coder') ? 'coder' : 'local';
  }
}

function split(given: string, asked: Asked, field: string): { name: ProviderName | undefined; id: string } {
  const prefix = providerNames.find(name => given.startsWith(`${name}:`));
  const id = prefix === undefined ? given : given.slice(prefix.length + 1);
  if (id.trim() === '') throw badField(field, `${field} must not be empty`);
  if (prefix !== undefined && asked !== 'all' && asked !== prefix)
    throw badField(field, `${field} is of provider ${prefix}, and provider is ${asked}`, {
      providers: [prefix, asked],
    });
  return { name: prefix ?? (asked === 'all' ? undefined : asked), id };
}
