import { NotHere } from '../protocol/link.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { TaskRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import { asAppError, taskCancelled, taskInterrupted, workerLost } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Ledger } from './ledger.ts';
import type { RunEnds } from './run-ends.ts';
import type { Tails } from './tails.ts';
import { placedJobSchema } from './task-rows.ts';
import type { TaskDesk } from './tasks.ts';
import type { WorkerBook } from './workers.ts';

const MAX_ATTEMPTS = 3;
const MAX_RETRY_MS = 30_000;
const JITTER = 0.25;
const TRAVEL_MS = 30_000;
const STOCK_MS = 60_000;

interface Parts {
  readonly catalog: Catalog;
  readonly ends: RunEnds;
  readonly holders: Holders;
  readonly ledger: Ledger;
  readonly tails: Tails;
  readonly tasks: TaskDesk;
  readonly workers: WorkerBook;
}

/**
 * Looks after tasks whose hub or worker was lost. Whatever had not started is placed again; whatever had is interrupted: it
 * has effects that only its caller can judge, so nothing is ever run twice by itself.
 */
export class TaskRecovery {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #checking = new Map<string, Promise<void>>();
  /** Workspaces that are looked at again when their wait is over. */
  readonly #retrying = new Set<string>();
  #all: Promise<void> | undefined;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Knows the tasks of earlier processes, and looks at them once their workers have had time to join. */
  async start(): Promise<void> {
    const { background, timing } = this.#foundation;
    await this.#takeStock();
    background.every(STOCK_MS, 'count unfinished tasks', () => this.#takeStock());
    const later = async () => {
      if (await background.pause(timing.retryMs)) await this.checkAll();
    };
    background.run('recover tasks', later);
    // A worker that leaves is often the first of a whole process that ends, or soon back: no attempt is wasted on that moment.
    this.#parts.workers.onChange((_worker, change) =>
      background.run('recover tasks', change === 'joined' ? () => this.checkAll() : later),
    );
  }

  /** Looks at every unfinished task; asked again meanwhile, it looks once more afterwards. */
  checkAll(): Promise<void> {
    const before = this.#all ?? Promise.resolve();
    const next = before
      .then(() => this.#checkAll())
      .finally(() => {
        if (this.#all === next) this.#all = undefined;
      });
    this.#all = next;
    return next;
  }

  /** A workspace has a new holder, which knows of nothing that the last one was doing. */
  async onClaimed(workspace: WorkspaceRecord): Promise<void> {
    for (const task of await this.#foundation.store.tasks.unfinished(workspace.id)) {
      const isOld = (task.epoch ?? 0) < workspace.epoch;
      if (isOld && task.status === 'running') await this.#interrupt(task);
      else if (isOld) await this.#place(task, workspace);
    }
  }

  async #checkAll(): Promise<void> {
    const workspaces = new Set<string>();
    for (const { workspaceId } of await this.#takeStock()) if (workspaceId !== null) workspaces.add(workspaceId);
    for (const id of workspaces) await this.#check(id);
  }

  /** Brings the ledger up to what the rows say: other processes accept and end tasks too. */
  async #takeStock(): Promise<TaskRecord[]> {
    const { ledger } = this.#parts;
    // Before the rows are read, so that a task accepted meanwhile is not taken for one that has ended.
    const known = ledger.tasks;
    const unfinished = await this.#foundation.store.tasks.unfinished();
    const ids = new Set(unfinished.map(task => task.id));
    for (const id of known) if (!ids.has(id)) ledger.end(id);
    for (const task of unfinished) this.#count(task);
    return unfinished;
  }

  #check(workspaceId: string): Promise<void> {
    const running = this.#checking.get(workspaceId);
    if (running !== undefined) return running;
    const checking = this.#look(workspaceId).finally(() => this.#checking.delete(workspaceId));
    this.#checking.set(workspaceId, checking);
    return checking;
  }

  async #look(workspaceId: string): Promise<void> {
    const { catalog, workers, ends } = this.#parts;
    if (catalog.isLeaving(workspaceId)) return;
    const tasks = await this.#foundation.store.tasks.unfinished(workspaceId);
    const workspace = await catalog.refresh(workspaceId);
    if (workspace === undefined) {
      const reason = 'the workspace was deleted';
      for (const task of tasks) {
        await ends.conclude(task, { status: 'cancelled', error: taskCancelled(task.id, reason) });
      }
      return;
    }
    const isLive = (await workers.live()).some(worker => worker.id === workspace.worker);
    let isLost = !isLive;
    for (const task of tasks) {
      if (task.status === 'running' && (isLost || task.epoch !== workspace.epoch)) {
        await this.#interrupt(task);
      } else if (!isLost) {
        const said = await this.#ask(task, workspace);
        // Its worker has a lease and does not answer: the lease decides, or the next look.
        if (said === 'silent') return;
        isLost = said === 'lost';
        if (isLost && task.status === 'running') await this.#interrupt(task);
      }
    }
    if (isLost) await this.#rescue(workspace);
  }

  /** What its worker says of a task; `lost` when that no longer holds the workspace. */
  async #ask(task: TaskRecord, workspace: WorkspaceRecord): Promise<'known' | 'lost' | 'silent'> {
    const { holders, tails, tasks } = this.#parts;
    const look = { commandId: task.id, waitMs: 0, detach: true };
    let said: WorkerReply<'run.await'>;
    try {
      said = await holders.send(workspace, 'run.await', hold => ({ ...hold, ...look }), { timeoutMs: TRAVEL_MS });
    } catch (error) {
      if (error instanceof NotHere) return 'lost';
      this.#foundation.log.debug({ err: error, task: task.id }, 'the worker of a task does not answer');
      return 'silent';
    }
    if (said.state === 'unknown') {
      if (task.status === 'running') await this.#interrupt(task);
      else await this.#place(task, workspace);
      return 'known';
    }
    await tails.takeUp(workspace.worker, task.id);
    await tasks.settle(task.id, workspace, said);
    return 'known';
  }

  /** Finds the workspace a holder, which places its queued tasks. */
  async #rescue(workspace: WorkspaceRecord): Promise<void> {
    const { holders, catalog } = this.#parts;
    const queued = await this.#queued(workspace.id);
    if (queued.length === 0) return;
    try {
      const options = { timeoutMs: TRAVEL_MS };
      await holders.ask(workspace, 'workspace.inspect', hold => ({ ...hold, withUsage: false }), options);
      await this.onClaimed(catalog.latest(workspace));
    } catch (error) {
      for (const task of await this.#queued(workspace.id)) {
        await this.#foundation.store.tasks.update(task.id, { attempts: task.attempts + 1 });
        await this.#failed({ ...task, attempts: task.attempts + 1 }, error);
      }
    }
  }

  async #place(task: TaskRecord, workspace: WorkspaceRecord): Promise<void> {
    const { store } = this.#foundation;
    const { holders, tails, tasks } = this.#parts;
    const { worker, epoch } = workspace;
    const attempts = task.attempts + 1;
    // First the row, so that what the worker says about it is not taken for word of an earlier holder.
    await store.tasks.update(task.id, { attempts, worker, epoch });
    try {
      const { job } = placedJobSchema.parse(task.job);
      const submit = { commandId: task.id, job, waitMs: 0, detached: true };
      await tails.drop(task.id);
      await tails.follow(worker, task.id);
      const said = await holders.send(workspace, 'run.submit', hold => ({ ...hold, ...submit }), {
        timeoutMs: TRAVEL_MS,
      });
      await tasks.settle(task.id, workspace, said);
    } catch (error) {
      await this.#failed({ ...task, attempts }, error);
    }
  }

  async #failed(task: TaskRecord, error: unknown): Promise<void> {
    const { background, timing, log } = this.#foundation;
    const { workspaceId, attempts } = task;
    log.warn({ err: error, task: task.id, attempts }, 'a task could not be placed again');
    if (attempts >= MAX_ATTEMPTS || workspaceId === null) {
      const failure = error instanceof NotHere ? workerLost() : asAppError(error);
      await this.#parts.ends.conclude(task, { status: 'failed', error: failure }, { onlyIfQueued: true });
      return;
    }
    if (this.#retrying.has(workspaceId)) return;
    this.#retrying.add(workspaceId);
    background.run('place tasks again', async () => {
      const isOpen = await background.pause(backoffMs(attempts, timing.retryMs));
      this.#retrying.delete(workspaceId);
      if (isOpen) await this.#check(workspaceId);
    });
  }

  #interrupt(task: TaskRecord): Promise<boolean> {
    return this.#parts.ends.conclude(task, { status: 'interrupted', error: taskInterrupted(task.id) });
  }

  async #queued(workspaceId: string): Promise<TaskRecord[]> {
    const tasks = await this.#foundation.store.tasks.unfinished(workspaceId);
    return tasks.filter(task => task.status === 'queued');
  }

  #count({ id, workspaceId }: TaskRecord): void {
    if (workspaceId !== null) this.#parts.ledger.becomeTask(id, workspaceId);
  }
}

/** Doubles with every attempt, up to 30 s, give or take a quarter. */
export function backoffMs(attempts: number, firstMs: number): number {
  const ms = Math.min(firstMs * 2 ** attempts, MAX_RETRY_MS);
  return ms * (1 + JITTER * (2 * Math.random() - 1));
}
