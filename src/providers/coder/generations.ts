import { unlessAborted } from '../http/unless-aborted.ts';
import type { Upstream } from '../http/upstream.ts';
import { isNotThere } from './failures.ts';
import { chatListSchema, taskListSchema, type UpstreamTask } from './upstream.ts';
import type { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';

/** Where a server has its tasks and its chats; null where it has none. */
export interface Generation {
  readonly tasks: '/api/v2/tasks' | '/api/experimental/tasks' | null;
  readonly chats: '/api/v2/chats' | '/api/experimental/chats' | null;
}

/** What the server listed while it was probed. */
export interface Listed {
  readonly tasks: readonly UpstreamTask[];
  readonly chats: z.output<typeof chatListSchema>;
}

export interface Probed {
  readonly generation: Generation;
  /** Made by this very call, so asking again would tell nothing new. */
  readonly fresh?: Listed;
}

export type ApiChoice = 'auto' | 'tasks-v2' | 'tasks-experimental' | 'chats';

const HOLDS_MS = 600_000;
/** What the server lacked, and would be used if it had it, is asked for again after so long: a server may gain it and lose nothing. */
const LACKS_MS = 30_000;
const TASKS = ['/api/v2/tasks', '/api/experimental/tasks'] as const;
const CHATS = ['/api/v2/chats', '/api/experimental/chats'] as const;
const CHOICES: Readonly<Record<ApiChoice, { tasks: readonly (typeof TASKS)[number][]; chats: typeof CHATS | [] }>> = {
  auto: { tasks: TASKS, chats: CHATS },
  'tasks-v2': { tasks: ['/api/v2/tasks'], chats: [] },
  'tasks-experimental': { tasks: ['/api/experimental/tasks'], chats: [] },
  chats: { tasks: [], chats: CHATS },
};

/**
 * Which generation of Coder's API a server has, found out once and known for ten minutes, or until something that should be there is
 * not: servers are upgraded while we run. What is not there is looked for again after half a minute, by whoever asks next.
 */
export class Generations {
  readonly #upstream: Upstream;
  readonly #api: ApiChoice;
  readonly #now: () => number;
  #known: { generation: Generation; until: number } | undefined;
  #lacksUntil = 0;
  #probing: Promise<Probed> | undefined;
  #looking: Promise<void> | undefined;

  constructor({
    upstream,
    api,
    now = Date.now,
  }: { upstream: Upstream; api: ApiChoice; now?: (() => number) | undefined }) {
    this.#upstream = upstream;
    this.#api = api;
    this.#now = now;
  }

  async current(signal: AbortSignal): Promise<Probed> {
    const known = this.#known;
    if (known === undefined || known.until <= this.#now()) return await this.#probe(signal);
    if (this.#lacksUntil <= this.#now()) this.#beginLook();
    if (this.#looking !== undefined) await unlessAborted(this.#looking, signal);
    return { generation: (this.#known ?? known).generation };
  }

  /**
   * Does something with the generation that is known. When that finds that something is not there, the server is probed anew, and if it
   * is another generation by now, it is done with that: what was refused as not there had no effect.
   */
  async use<T>(signal: AbortSignal, act: (probed: Probed) => Promise<T>): Promise<T> {
    const first = await this.current(signal);
    try {
      return await act(first);
    } catch (error) {
      if (first.fresh !== undefined || !isNotThere(error)) throw error;
      const second = await this.#probe(signal);
      const { tasks, chats } = first.generation;
      if (second.generation.tasks === tasks && second.generation.chats === chats) throw error;
      return await act(second);
    }
  }

  /** One probing for all who wait for one; it goes on when one of them goes away. */
  async #probe(signal: AbortSignal): Promise<Probed> {
    this.#probing ??= this.#ask().finally(() => {
      this.#probing = undefined;
    });
    return await unlessAborted(this.#probing, signal);
  }

  /** One look for what the server may have by now, which all calls that come meanwhile wait for. */
  #beginLook(): void {
    this.#lacksUntil = this.#now() + LACKS_MS;
    this.#looking = this.#askForMore().finally(() => {
      this.#looking = undefined;
    });
  }

  async #askForMore(): Promise<void> {
    const known = this.#known;
    if (known === undefined) return;
    const { tasks, chats } = known.generation;
    const choice = CHOICES[this.#api];
    const [moreTasks, moreChats] = await Promise.all([
      this.#gained(before(choice.tasks, tasks), taskListSchema),
      this.#gained(before(choice.chats, chats), chatListSchema),
    ]);
    // What a whole probing has found meanwhile is newer.
    if (this.#known !== known) return;
    const generation = { tasks: moreTasks ?? tasks, chats: moreChats ?? chats };
    this.#known = { generation, until: known.until };
  }

  /** The first of these that is there by now. A look that fails finds nothing, and is not repeated: the call itself will tell. */
  async #gained<Path extends string>(paths: readonly Path[], reads: z.ZodType): Promise<Path | undefined> {
    const { signal } = new AbortController();
    const looks = paths.map(path => this.#upstream.request({ method: 'GET', path, reads, isSafe: false, signal }));
    const ends = await Promise.allSettled(looks);
    return paths[ends.findIndex(({ status }) => status === 'fulfilled')];
  }

  async #ask(): Promise<Probed> {
    const choice = CHOICES[this.#api];
    const [tasks, chats] = await Promise.all([
      this.#first(choice.tasks, taskListSchema),
      this.#first(choice.chats, chatListSchema),
    ]);
    if (!tasks && !chats) {
      this.#known = undefined;
      throw new AppError('CODER_API_ERROR', `Coder API error: 404 - the server has none of ${nameOf(this.#api)}`, {
        details: { status_code: 404 },
        hint: 'check that CODER_URL is a Coder server with tasks or chats, and that coder.api fits it',
      });
    }
    const generation = { tasks: tasks?.path ?? null, chats: chats?.path ?? null };
    this.#known = { generation, until: this.#now() + HOLDS_MS };
    this.#lacksUntil = this.#now() + LACKS_MS;
    return { generation, fresh: { tasks: tasks?.items ?? [], chats: chats?.items ?? [] } };
  }

  /** The first of these collections that the server has, and what is in it. */
  async #first<Path extends string, Items>(
    paths: readonly Path[],
    reads: z.ZodType<Items>,
  ): Promise<{ path: Path; items: Items } | undefined> {
    for (const path of paths) {
      try {
        const items = await this.#upstream.request({
          method: 'GET',
          path,
          reads,
          signal: new AbortController().signal,
        });
        return { path, items };
      } catch (error) {
        if (!isNotThere(error)) throw error;
      }
    }
    return undefined;
  }
}

/** Those that would be used rather than this one; all, where there is none. */
function before<Path extends string>(paths: readonly Path[], known: string | null): readonly Path[] {
  if (known === null) return paths;
  const names: readonly string[] = paths;
  return paths.slice(0, Math.max(0, names.indexOf(known)));
}

const nameOf = (api: ApiChoice): string => (api === 'auto' ? 'tasks-v2, tasks-experimental, chats' : api);
