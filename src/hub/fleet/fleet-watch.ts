import { AppError } from '../../errors/app-error.ts';
import type { Agent, AgentProvider, ProviderName } from '../../providers/provider.ts';
import { FLEET_STREAM } from '../../store/fleet/fleet.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import { toJsonObject } from '../json.ts';
import type { AgentLists } from './agent-lists.ts';
import { capacity, changes, type FleetEvent, type Look, storedLook } from './fleet-events.ts';
import type { LocalSessions } from './local-sessions.ts';
import type { FleetProviders } from './providers.ts';

/** Agents that are listed no more and are asked for one by one, at a look; of more it is believed that they are gone. */
const MOST_MISSING = 20;

interface Parts {
  readonly events: EventLog;
  readonly lists: AgentLists;
  readonly providers: FleetProviders;
  readonly sessions: LocalSessions;
}

/** Looks at all agents again and again, and tells what became of them since the last look, whichever hub had that. */
export class FleetWatch {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Sessions are looked at each time, providers when their last look is old enough. Only the hub that leads calls it. */
  async look(): Promise<void> {
    const { store, id, timing, background, config } = this.#foundation;
    const isDue = performance.now() - this.#lookedAt >= timing.agentsMs * WATCH_SHARE;
    if (isDue) {
      this.#lookedAt = performance.now();
      await this.#parts.providers.refresh();
    }
    const [stored, { isOverCapacity }] = await Promise.all([store.fleet.looks(), store.fleet.state()]);
    const befores = new Map([...stored].map(([name, look]) => [name, storedLook(look)]));
    const { signal } = background;
    const seen = await Promise.all([
      this.#local(befores.get('local')),
      ...(isDue ? this.#parts.providers.shared : []).map(provider =>
        this.#shared(provider, { before: befores.get(provider.name), signal }),
      ),
    ]);
    const fresh = new Map<string, JsonObject>();
    const events: FleetEvent[] = [];
    for (const { name, before, now } of seen.filter(one => one !== undefined)) {
      const hasChanged = JSON.stringify(befores.get(name)) !== JSON.stringify(now);
      if (hasChanged) fresh.set(name, toJsonObject(now));
      // The first look of all is what later ones are compared with.
      if (before !== undefined && hasChanged) events.push(...changes(name, { before, now }));
      befores.set(name, now);
    }
    const looks = [...befores.values()].filter(look => look !== undefined);
    const full = capacity(looks, { threshold: config.fleet.capacity_threshold, isOver: isOverCapacity });
    events.push(...full.events);
    if (fresh.size === 0 && full.isOver === isOverCapacity) return;
    const isSaved = await store.fleet.saveLook(id, { looks: fresh, isOverCapacity: full.isOver, events });
    if (isSaved && events.length > 0) this.#parts.events.wake(FLEET_STREAM);
  }

  async #local(stored: Look | undefined): Promise<LookedAt> {
    const before = stored && { ...stored };
    const everyones = await this.#parts.sessions.everyones();
    const now: Look = Object.fromEntries(
      everyones.map(({ agent, caller }) => [agent.id, { status: agent.status, name: agent.name, caller }]),
    );
    const missing = Object.entries(before ?? {}).filter(([id]) => !(id in now));
    for (const [id, last] of missing) {
      const agent = await this.#parts.sessions.known(id);
      // It has ended or was parked, and is told of no more once that was.
      if (agent?.status === 'error' && last.status !== 'error') now[id] = { ...last, status: 'error' };
      else if (agent !== undefined && before !== undefined) delete before[id];
    }
    return { name: 'local', before, now };
  }

  /** Undefined when the provider cannot be asked: then nothing is known to have changed. */
  async #shared(
    provider: AgentProvider,
    { before: stored, signal }: { before: Look | undefined; signal: AbortSignal },
  ): Promise<LookedAt | undefined> {
    const { name } = provider;
    try {
      const { agents } = await this.#parts.lists.read(provider, { includeInactive: false, signal, isFresh: true });
      const now = Object.fromEntries(agents.map(seenOf).sort(byId));
      const before = stored && { ...stored };
      const missing = Object.keys(before ?? {}).filter(id => !(id in now));
      for (const id of missing.length > MOST_MISSING ? [] : missing)
        if (before && (await this.#isThere(provider, { id, signal }))) delete before[id];
      return { name, before, now };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#foundation.log.debug({ err: error, provider: name }, 'a provider of agents could not be looked at');
      return undefined;
    }
  }

  /** Listed no more, for its age, and not gone. */
  async #isThere(provider: AgentProvider, { id, signal }: { id: string; signal: AbortSignal }): Promise<boolean> {
    try {
      await provider.get({ user: 'me', id }, { signal });
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'AGENT_NOT_FOUND') return false;
      throw error;
    }
  }
}

/** Looks come a little sooner than lists grow old, so that whoever lists finds the last look. */
const WATCH_SHARE = 0.8;

type Seen = Look[string];

interface LookedAt {
  readonly name: ProviderName;
  /** Without agents that are listed no more and still there. */
  readonly before: Look | undefined;
  readonly now: Look;
}

/** Providers list in no order. */
const byId = ([one]: [string, Seen], [other]: [string, Seen]): number => (one < other ? -1 : 1);

const seenOf = ({ id, status, name, workspaceName }: Agent): [string, Seen] => [
  id,
  { status, name: name ?? workspaceName },
];
