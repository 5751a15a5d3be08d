import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Store } from '../../store/store.ts';
import type { HistoryDesk } from './history-desk.ts';

const PAGE = 1000;

/** Finds the directory of a project by its slug, which is looked up and never taken apart. */
export class ProjectFinder {
  readonly #store: Store;
  readonly #history: HistoryDesk;

  constructor(store: Store, history: HistoryDesk) {
    this.#store = store;
    this.#history = history;
  }

  /** The directory and its worker: where several workers have such a project, the one that was used last. Throws PROJECT_NOT_FOUND. */
  async find(
    slug: string,
    { caller, worker }: { caller: Caller; worker?: string },
  ): Promise<{ cwd: string; worker: string }> {
    let cursor: string | undefined;
    do {
      const page = await this.#history.projects({ query: slug }, { limit: PAGE, cursor, worker }, caller);
      const found = page.items.find(project => project.slug === slug);
      if (found !== undefined) return { cwd: found.path, worker: found.workerId };
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    // Of an agent whose transcripts nobody reads, or that has said nothing yet.
    const { rows } = await this.#store.sessions.list({ caller: caller.id, slug, worker, limit: 1 });
    const [own] = rows;
    if (own !== undefined) return { cwd: own.cwd, worker: own.worker };
    throw new AppError('PROJECT_NOT_FOUND', `Project not found: ${slug}`);
  }
}
