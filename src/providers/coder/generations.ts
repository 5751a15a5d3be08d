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
 * not: servers are upgraded while we run.
 */
export class Generations {
  readonly #upstream: Upstream;
  readonly #api: ApiChoice;
  readonly #now: () => number;
  #known: { generation: Generation; until: number } | undefined;
  #probing: Promise<Probed> | undefined;

  constructor({ upstream, api, now = Date.now }: { upstream: Upstream; api: ApiChoice; now?: () => number }) {
    this.#upstream = upstream;
    this.#api = api;
    this.#now = now;
  }

  async current(signal: AbortSignal): Promise<Probed> {
    if (this.#known && this.#known.until > this.#now()) return { generation: this.#known.generation };
    return await this.#probe(signal);
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
  #probe(signal: AbortSignal): Promise<Probed> {
    signal.throwIfAborted();
    this.#probing ??= this.#ask().finally(() => {
      this.#probing = undefined;
    });
    const probing = this.#probing;
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      probing.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
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

const nameOf = (api: ApiChoice): string => (api === 'auto' ? 'tasks-v2, tasks-experimental, chats' : api);
