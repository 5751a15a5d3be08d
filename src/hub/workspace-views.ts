import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import type { LimitName } from '../protocol/workspace-spec.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { WorkspaceRecord, WorkspaceState } from '../store/rows.ts';
import type { Page, PageQuery } from '../store/page.ts';
import type { Catalog } from './catalog.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { WorkspaceDetails, Workspaces, WorkspaceView } from './hub.ts';
import type { Ledger } from './ledger.ts';
import { specOf, type StoredSpec } from './stored-spec.ts';

const CHECKPOINTS_SHOWN = 10;
const TASKS_SHOWN = 20;
const INSPECT_TIMEOUT_MS = 10_000;
const PAGE = 200;
/** Rows say these, or not, according to what runs now. */
const DERIVED: ReadonlySet<string> = new Set(['ready', 'busy', 'checkpointing', 'stopped']);

interface Parts {
  readonly catalog: Catalog;
  readonly finished: FinishedRuns;
  readonly holders: Holders;
  readonly ledger: Ledger;
  isCheckpointing(workspaceId: string): boolean;
}

/** Workspaces as callers see them. */
export class WorkspaceViews {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  async view(record: WorkspaceRecord): Promise<WorkspaceView> {
    const [newest] = await this.#foundation.store.checkpoints.list(record.id, 1);
    return this.#viewOf(record, newest?.id ?? null);
  }

  async details(id: string, caller: Caller): Promise<WorkspaceDetails> {
    const { store } = this.#foundation;
    const { catalog, finished } = this.#parts;
    const before = await catalog.read(id, caller);
    const [now] = await Promise.all([this.#inspect(before), finished.flushEverywhere()]);
    // The look may have found the workspace a new worker.
    const record = await catalog.read(id, caller);
    const checkpoints = await store.checkpoints.list(id, CHECKPOINTS_SHOWN);
    const recent = await store.tasks.list({ caller: record.caller, workspaceId: id, limit: TASKS_SHOWN });
    const view = this.#viewOf(record, checkpoints[0]?.id ?? null);
    const rest = { checkpoints, recentTasks: recent.rows };
    if (now === undefined) return { ...view, ...rest, usage: null, contexts: [] };
    if (now === 'lost') {
      return { ...view, ...rest, record: { ...record, state: 'failed' }, usage: null, contexts: [] };
    }
    const { usage, contexts, state, generation, activeTasks } = now;
    return { ...view, ...rest, record: { ...record, state, generation }, activeTasks, usage, contexts };
  }

  async list(
    { state, shared = false, ...query }: Parameters<Workspaces['list']>[0],
    caller: Caller,
  ): Promise<Page<WorkspaceView> & { total: number }> {
    if (shared) return await this.#shared({ ...query, ...(state !== undefined && { state }) }, caller);
    const { workspaces } = this.#foundation.store;
    const isDerived = state !== undefined && DERIVED.has(state);
    const found = isDerived
      ? await this.#filtered(query, { caller: caller.id, state })
      : await workspaces.list({ ...query, caller: caller.id, state });
    return { ...found, rows: await Promise.all(found.rows.map(record => this.view(record))) };
  }

  /** What is shared is not much: all of it is looked at. */
  async #shared(
    { state, limit, cursor }: PageQuery & { state?: string },
    caller: Caller,
  ): Promise<Page<WorkspaceView> & { total: number }> {
    const { shares, workspaces } = this.#foundation.store;
    const granted = await shares.granted(caller, 'workspace');
    const records = await Promise.all([...new Set(granted.map(({ target }) => target))].map(id => workspaces.get(id)));
    const wanted = records.flatMap(record =>
      record !== undefined && (state === undefined || this.#stateOf(record) === state) ? [record] : [],
    );
    const start = cursor === undefined ? 0 : wanted.findIndex(({ id }) => id === cursor) + 1;
    const page = wanted.slice(start, start + limit);
    const hasMore = start + limit < wanted.length;
    const rows = await Promise.all(page.map(record => this.view(record)));
    return { rows, nextCursor: hasMore ? (page.at(-1)?.id ?? null) : null, total: wanted.length };
  }

  /** Pages of rows whose state is known only together with what runs; the cursor stays that of the rows. */
  async #filtered(query: PageQuery, { caller, state }: { caller: string; state: string }) {
    const { workspaces } = this.#foundation.store;
    const fits = (record: WorkspaceRecord) => this.#stateOf(record) === state;
    const rows: WorkspaceRecord[] = [];
    let cursor = query.cursor;
    let nextCursor: string | null = null;
    do {
      const page = await workspaces.list({ limit: query.limit - rows.length, cursor, caller });
      rows.push(...page.rows.filter(fits));
      nextCursor = page.nextCursor;
      cursor = nextCursor ?? undefined;
    } while (nextCursor !== null && rows.length < query.limit);
    let total = 0;
    for (let from: string | null | undefined; from !== null; ) {
      const page: Page<WorkspaceRecord> = await workspaces.list({ limit: PAGE, cursor: from, caller });
      total += page.rows.filter(fits).length;
      from = page.nextCursor;
    }
    return { rows, nextCursor, total };
  }

  /** What the worker says now; undefined when it cannot be asked, `lost` when the files are gone with it. */
  async #inspect(record: WorkspaceRecord): Promise<WorkerReply<'workspace.inspect'> | 'lost' | undefined> {
    const options = { timeoutMs: INSPECT_TIMEOUT_MS };
    try {
      return await this.#parts.holders.ask(
        record,
        'workspace.inspect',
        hold => ({ ...hold, withUsage: true }),
        options,
      );
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'WORKSPACE_NOT_FOUND') throw error;
      this.#foundation.log.debug({ err: error, workspace: record.id }, 'a workspace could not be inspected');
      return error.code === 'SANDBOX_DIED' ? 'lost' : undefined;
    }
  }

  #viewOf(record: WorkspaceRecord, lastCheckpointId: string | null): WorkspaceView {
    const spec = specOf(record);
    return {
      record: { ...record, state: this.#stateOf(record) },
      network: spec.policy,
      limits: limitsOf(spec),
      activeTasks: this.#parts.ledger.active(record.id),
      lastCheckpointId,
    };
  }

  #stateOf({ id, state }: WorkspaceRecord): WorkspaceState {
    if (state !== 'ready' && state !== 'stopped') return state;
    if (this.#parts.isCheckpointing(id)) return 'checkpointing';
    return this.#parts.ledger.active(id) > 0 ? 'busy' : state;
  }
}

function limitsOf(spec: StoredSpec): WorkspaceView['limits'] {
  const one = (name: LimitName) => ({ value: spec.limits[name], enforcement: spec.enforcement[name] ?? 'none' });
  return {
    memory_mb: one('memory_mb'),
    cpus: one('cpus'),
    pids: one('pids'),
    disk_mb: one('disk_mb'),
    wall_seconds: one('wall_seconds'),
    output_mb: one('output_mb'),
  };
}
