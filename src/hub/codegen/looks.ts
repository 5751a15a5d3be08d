import { AppError } from '../../errors/app-error.ts';
import type { CodegenClient, CodegenRun } from '../../providers/codegen/codegen-client.ts';

/** `gone`: the service does not know the run. */
export type Seen = CodegenRun | 'gone';

interface Look {
  readonly client: CodegenClient;
  readonly signal: AbortSignal;
  /** Hears of an answer that could not be used; the runs that were asked for are looked at again the next time. */
  failed(error: AppError): void;
}

const PAGE = 100;
/** Pages read in one look; what is older is asked for one by one. */
const MAX_PAGES = 5;
/** Of what the list does not show, so many runs are asked for in one look, and the others in the next ones. */
const SINGLE = 8;

/** Looks at many runs with few requests: the budget of the service is shared with everybody who uses the token. */
export class Looks {
  #turn = 0;
  #requests = 0;

  /** Requests since it was last asked. */
  takeCount(): number {
    const count = this.#requests;
    this.#requests = 0;
    return count;
  }

  async at(wanted: ReadonlySet<number>, { client, signal, failed }: Look): Promise<Map<number, Seen>> {
    const seen = new Map<number, Seen>();
    const missing = () => [...wanted].filter(id => !seen.has(id));
    for (let page = 0; page < MAX_PAGES && this.#pays(missing().length, page); page += 1) {
      this.#requests += 1;
      const read = await client.listRuns({ skip: page * PAGE, limit: PAGE }, { signal }).catch(tellOf(failed));
      if (read === undefined) break;
      const { items, total } = read;
      for (const run of items) if (wanted.has(run.id)) seen.set(run.id, run);
      if ((page + 1) * PAGE >= total || items.length === 0) break;
    }
    const left = missing();
    const from = left.length === 0 ? 0 : this.#turn % left.length;
    const chosen = [...left.slice(from), ...left.slice(0, from)].slice(0, SINGLE);
    this.#turn += chosen.length;
    this.#requests += chosen.length;
    await Promise.all(
      chosen.map(async id => {
        const run = await one(id, { client, signal }).catch(tellOf(failed));
        if (run !== undefined) seen.set(id, run);
      }),
    );
    return seen;
  }

  /** The first page shows nearly everything; another one is cheaper than asking for many runs singly. */
  #pays(missing: number, page: number): boolean {
    return page === 0 ? missing > 1 : missing > SINGLE;
  }
}

/** What one answer could not be read for keeps nobody from the others; whatever concerns them all is thrown. */
const tellOf =
  (failed: Look['failed']) =>
  (error: unknown): undefined => {
    if (!(error instanceof AppError && error.code === 'CODEGEN_API_ERROR')) throw error;
    failed(error);
  };

async function one(id: number, { client, signal }: { client: CodegenClient; signal: AbortSignal }): Promise<Seen> {
  try {
    return await client.getRun(id, { signal });
  } catch (error) {
    if (error instanceof AppError && error.code === 'AGENT_RUN_NOT_FOUND') return 'gone';
    throw error;
  }
}
