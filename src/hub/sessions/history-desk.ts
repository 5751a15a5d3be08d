import type {
  HistoryProject,
  MemoryFile,
  SearchHit,
  SessionMessages,
  SessionPage,
  UsageReport,
} from '../../protocol/history.ts';
import type { WorkerRequest } from '../../protocol/messages.ts';
import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Foundation } from '../foundation.ts';
import type { WorkerBook } from '../workers.ts';
import { type MergedPage, mergePages, type Source } from './merge-pages.ts';
import type { SessionLink } from './session-link.ts';
import type { VisibleHistory } from './visible-history.ts';

const ASK_TIMEOUT_MS = 10_000;

/** A worker that did not answer, and why. */
export type Warning = {
  readonly workerId: string;
  readonly code: string;
};

export interface Listed<Item> {
  readonly items: (Item & { readonly workerId: string })[];
  readonly nextCursor: string | null;
  readonly warnings: Warning[];
}

interface Paging {
  readonly limit: number;
  readonly cursor?: string;
  /** Only this worker. */
  readonly worker?: string;
}

interface Parts {
  readonly link: SessionLink;
  readonly workers: WorkerBook;
  readonly visible: VisibleHistory;
}

type Query<Verb extends 'history.projects' | 'history.search'> = Omit<WorkerRequest<Verb>, 'limit' | 'cursor'>;

/** What agents did before, on all workers: each reads its own machine's transcripts. */
export class HistoryDesk {
  readonly #foundation: Foundation;
  readonly #link: SessionLink;
  readonly #book: WorkerBook;

  readonly #visible: VisibleHistory;

  constructor(foundation: Foundation, { link, workers, visible }: Parts) {
    this.#foundation = foundation;
    this.#link = link;
    this.#book = workers;
    this.#visible = visible;
  }

  async projects(asked: Query<'history.projects'>, paging: Paging, caller: Caller): Promise<Listed<HistoryProject>> {
    const query = { ...asked, ...(await this.#visible.of(caller)) };
    return await this.#merged(paging, {
      order: project => project.lastActiveAt,
      fetch: async (worker, page) => {
        const { projects, nextCursor } = await this.#ask(worker, 'history.projects', { ...query, ...page });
        return { items: projects, nextCursor };
      },
    });
  }

  /** Of one worker. */
  sessionsOf(worker: string, query: WorkerRequest<'history.sessions'>): Promise<SessionPage> {
    return this.#ask(worker, 'history.sessions', query);
  }

  /** Sessions that were driven here have the ids and titles that the caller knows them by. */
  async search(asked: Query<'history.search'>, paging: Paging, caller: Caller): Promise<Listed<SearchHit>> {
    const query = { ...asked, ...(await this.#visible.of(caller)) };
    const page = await this.#merged<SearchHit>(paging, {
      order: hit => hit.rank,
      fetch: async (worker, page) => {
        const { results, nextCursor } = await this.#ask(worker, 'history.search', { ...query, ...page });
        return { items: results, nextCursor };
      },
    });
    const ids = page.items.map(({ agentSessionId }) => agentSessionId);
    const own = await this.#foundation.store.sessions.byAgentSession(caller.id, ids);
    const byId = new Map(own.map(session => [session.agentSessionId, session]));
    const items = page.items.map(hit => {
      const session = byId.get(hit.agentSessionId);
      return session === undefined ? hit : { ...hit, sessionId: session.id, title: session.title || hit.title };
    });
    return { ...page, items };
  }

  /** The first worker that knows the session; undefined when none that answers does. */
  async messages(
    request: WorkerRequest<'history.messages'>,
    only?: string,
  ): Promise<{ workerId: string; found: SessionMessages } | undefined> {
    const answers = await this.#gather(only, worker => this.#ask(worker, 'history.messages', request));
    const known = answers.answers.find(({ answer }) => answer.found !== null);
    if (known === undefined || known.answer.found === null) return undefined;
    return { workerId: known.worker, found: known.answer.found };
  }

  async usage(
    asked: WorkerRequest<'history.usage'>,
    caller: Caller,
  ): Promise<{ reports: UsageReport[]; warnings: Warning[] }> {
    const query = { ...asked, ...(await this.#visible.of(caller)) };
    const { answers, warnings } = await this.#gather(undefined, worker => this.#ask(worker, 'history.usage', query));
    return { reports: answers.map(({ answer }) => answer), warnings };
  }

  /** Undefined when no worker that answers has the project. */
  async memory(
    slug: string,
    { include, worker: only }: { include: 'memory' | 'all'; worker?: string },
    caller: Caller,
  ): Promise<MemoryFile[] | undefined> {
    await this.workers(only);
    if (!(await this.#visible.isWhole(caller)) && !(await this.#hasWorkedIn(slug, { worker: only, caller })))
      return undefined;
    const { answers } = await this.#gather(only, worker => this.#ask(worker, 'history.memory', { slug, include }));
    const found = answers.flatMap(({ answer }) => (answer.files === null ? [] : [answer.files]));
    return found.length === 0 ? undefined : found.flat();
  }

  /** Notes on a directory are of all whose agents work there: the agents themselves read them. */
  async #hasWorkedIn(
    slug: string,
    { worker, caller }: { worker: string | undefined; caller: Caller },
  ): Promise<boolean> {
    const { rows } = await this.#foundation.store.sessions.list({ caller: caller.id, slug, worker, limit: 1 });
    return rows.length > 0;
  }

  async #merged<Item>(
    { limit, cursor, worker }: Paging,
    {
      order,
      fetch,
    }: {
      order(item: Item): number;
      fetch(
        worker: string,
        page: { limit: number; cursor?: string },
      ): Promise<{ items: readonly Item[]; nextCursor: string | null }>;
    },
  ): Promise<Listed<Item>> {
    const warnings: Warning[] = [];
    const sources: Source<Item>[] = (await this.workers(worker)).map(name => ({
      name,
      fetch: page => fetch(name, page),
    }));
    const page: MergedPage<Item> = await mergePages({
      sources,
      limit,
      cursor,
      order,
      onSilent: (name, error) => {
        refuseBadArguments(error);
        warnings.push(this.warningOf(name, error));
      },
    });
    const items = page.items.map(({ source, item }) => ({ ...item, workerId: source }));
    return { items, nextCursor: page.nextCursor, warnings };
  }

  async #gather<Answer>(only: string | undefined, ask: (worker: string) => Promise<Answer>) {
    const warnings: Warning[] = [];
    const asked = (await this.workers(only)).map(async worker => {
      try {
        return [{ worker, answer: await ask(worker) }];
      } catch (error) {
        refuseBadArguments(error);
        warnings.push(this.warningOf(worker, error));
        return [];
      }
    });
    return { answers: (await Promise.all(asked)).flat(), warnings };
  }

  /** Those that have a lease, or that one. Throws WORKER_NOT_FOUND. */
  async workers(only: string | undefined): Promise<string[]> {
    const live = (await this.#book.live()).map(({ id }) => id);
    if (only === undefined) return live.sort();
    if (live.includes(only)) return [only];
    throw new AppError('WORKER_NOT_FOUND', `Worker not found: ${only}`);
  }

  warningOf(workerId: string, error: unknown): Warning {
    this.#foundation.log.debug({ err: error, worker: workerId }, 'a worker did not tell of its history');
    return { workerId, code: error instanceof AppError ? error.code : 'INTERNAL_ERROR' };
  }

  #ask<Verb extends HistoryVerb>(worker: string, verb: Verb, body: WorkerRequest<Verb>) {
    return this.#link.ask(worker, verb, body, { timeoutMs: ASK_TIMEOUT_MS });
  }
}

type HistoryVerb =
  | 'history.projects'
  | 'history.sessions'
  | 'history.messages'
  | 'history.search'
  | 'history.usage'
  | 'history.memory';

/** What every worker would refuse is the caller's affair. */
function refuseBadArguments(error: unknown): void {
  if (error instanceof AppError && error.code === 'VALIDATION_ERROR') throw error;
}
