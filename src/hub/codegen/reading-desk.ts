import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { CodegenClient, CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { matchesStatus, runStateOf } from '../../providers/codegen/run-state.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import type { EventLog } from '../events.ts';
import type { Foundation } from '../foundation.ts';
import { toJsonObject } from '../json.ts';
import type { CodegenGate } from './gate.ts';
import { bodyOf } from './run-body.ts';
import { type RunBook, streamOf } from './run-book.ts';
import { itemView, orchestratorOf, runView } from './task-view.ts';

export interface ListQuery {
  readonly status?: string;
  readonly repo?: string;
  readonly limit: number;
  readonly skip: number;
  readonly sourceType?: string;
  readonly userId?: number;
  readonly orchestratorRunId?: number;
}

interface ReadCall {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

interface Parts {
  readonly gate: CodegenGate;
  readonly book: RunBook;
  readonly events: EventLog;
}

const PAGE = 100;
/** Runs that a list with filters reads at most. */
const MOST_READ = 1000;

/** Tasks and runs as they are, for those who ask. */
export class ReadingDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** TASK_NOT_FOUND for an unknown or foreign task. With `waitSeconds` answers at the first change of its state. */
  async task(id: string, { waitSeconds, caller, signal }: ReadCall & { waitSeconds: number }): Promise<JsonObject> {
    const record = await this.#own(id, caller);
    if (waitSeconds === 0 || record.endedAt !== null) return await this.#parts.book.view(record);
    await this.#changed(record, { waitSeconds, signal });
    return await this.#parts.book.view(await this.#own(id, caller));
  }

  /** Of the caller's newest task for the run; a run that was not started here is asked for. */
  async run(runId: number, call: ReadCall & { waitSeconds: number }): Promise<JsonObject> {
    const [record] = await this.#foundation.store.codegen.latest(call.caller.id, [runId]);
    if (record !== undefined) return await this.task(record.id, call);
    const client = await this.#parts.gate.client();
    let run = await client.getRun(runId, call);
    const first = runStateOf(run.status);
    const deadline = performance.now() + call.waitSeconds * 1000;
    const { poll_seconds } = await this.#parts.gate.settings();
    while (first === 'active' && runStateOf(run.status) === first) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || !(await this.#foundation.background.pause(Math.min(leftMs, poll_seconds * 1000)))) break;
      call.signal.throwIfAborted();
      run = await client.getRun(runId, call);
    }
    return await this.#strange(run, call.caller);
  }

  async list(query: ListQuery, { caller, signal }: ReadCall): Promise<JsonObject> {
    const client = await this.#parts.gate.client();
    const { limit, skip, status, repo, orchestratorRunId } = query;
    const isFiltered = status !== undefined || repo !== undefined || orchestratorRunId !== undefined;
    const found = isFiltered
      ? await this.#matching(query, { client, caller, signal })
      : await pageOf(query, { client, signal });
    const mine = await this.#foundation.store.codegen.latest(
      caller.id,
      found.items.map(({ id }) => id),
    );
    const tasks = new Map(mine.map(({ runId, id }) => [runId, id]));
    return toJsonObject({
      status: 'success',
      items: found.items.map(run => itemView(run, tasks.get(run.id) ?? null)),
      total: found.total,
      page: Math.floor(skip / limit) + 1,
      size: limit,
      pages: Math.max(1, Math.ceil(found.total / limit)),
      complete: found.complete,
    });
  }

  async logs(
    runId: number,
    query: { readonly skip: number; readonly limit: number; readonly reverse: boolean },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<JsonObject> {
    const client = await this.#parts.gate.client();
    const { logs, total, page, size, pages } = await client.getLogs(runId, query, { signal });
    const counted = total === null ? null : Math.max(1, Math.ceil(total / query.limit));
    return toJsonObject({
      status: 'success',
      logs,
      total_logs: total,
      page: page ?? Math.floor(query.skip / query.limit) + 1,
      size: size ?? query.limit,
      pages: pages ?? counted,
    });
  }

  async #own(id: string, caller: Caller): Promise<CodegenRecord> {
    const record = await this.#foundation.store.codegen.get(id);
    if (record?.caller === caller.id) return record;
    throw new AppError('TASK_NOT_FOUND', `Task ${id} not found`, {
      details: { explanation: 'Tasks are kept 7 days; codegen_list shows the runs themselves.' },
    });
  }

  /** Settles when its state is another one, or the time is over. */
  async #changed(record: CodegenRecord, { waitSeconds, signal }: { waitSeconds: number; signal: AbortSignal }) {
    const { store } = this.#foundation;
    const { state } = bodyOf(record);
    const deadline = performance.now() + waitSeconds * 1000;
    while (true) {
      const after = await store.events.lastSeq(streamOf(record.id));
      const now = await store.codegen.get(record.id);
      const waitMs = deadline - performance.now();
      if (now === undefined || bodyOf(now).state !== state || waitMs <= 0) return;
      await this.#parts.events.read(streamOf(record.id), { after, limit: 1, waitMs, signal });
    }
  }

  /** A run without a task here. */
  async #strange(run: CodegenRun, caller: Caller): Promise<JsonObject> {
    return runView(run, await this.#foundation.store.codegen.children(caller.id, run.id));
  }

  async #matching(
    { status, repo, orchestratorRunId, skip, limit, userId, sourceType }: ListQuery,
    { client, caller, signal }: ReadCall & { client: CodegenClient },
  ): Promise<{ items: CodegenRun[]; total: number; complete: boolean }> {
    const own =
      orchestratorRunId === undefined
        ? []
        : await this.#foundation.store.codegen.children(caller.id, orchestratorRunId);
    const children = new Set(own.map(({ runId }) => runId));
    const isMeant = (run: CodegenRun) =>
      (status === undefined || matchesStatus(status, run.status)) &&
      (repo === undefined || isOfRepo(run, repo)) &&
      (orchestratorRunId === undefined || children.has(run.id) || orchestratorOf(run) === orchestratorRunId);
    const found = new Map<number, CodegenRun>();
    let read = 0;
    while (read < MOST_READ) {
      const page = await client.listRuns({ skip: read, limit: PAGE, userId, sourceType }, { signal });
      for (const run of page.items) if (isMeant(run)) found.set(run.id, run);
      read += page.items.length;
      const complete = read >= page.total || page.items.length === 0;
      if (complete || found.size >= skip + limit) {
        return { items: [...found.values()].slice(skip, skip + limit), total: found.size, complete };
      }
    }
    return { items: [...found.values()].slice(skip, skip + limit), total: found.size, complete: false };
  }
}

async function pageOf(
  { skip, limit, userId, sourceType }: ListQuery,
  { client, signal }: { client: CodegenClient; signal: AbortSignal },
): Promise<{ items: readonly CodegenRun[]; total: number; complete: boolean }> {
  const { items, total } = await client.listRuns({ skip, limit, userId, sourceType }, { signal });
  return { items, total, complete: skip + items.length >= total };
}

/** By what it was started with, or by the repository of one of its pull requests. */
function isOfRepo({ metadata, pullRequests }: CodegenRun, repo: string): boolean {
  const wanted = repo.toLowerCase();
  const named = typeof metadata.repo === 'string' && metadata.repo.toLowerCase() === wanted;
  return named || pullRequests.some(({ url }) => url !== null && repoIn(url) === wanted);
}

function repoIn(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const [owner, name] = new URL(url).pathname.split('/').filter(part => part !== '');
  return owner !== undefined && name !== undefined ? `${owner}/${name}`.toLowerCase() : undefined;
}
