import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { errorShapeSchema } from '../protocol/jobs.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { TaskRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Page, PageQuery } from '../store/page.ts';
import type { Catalog } from './catalog.ts';
import { asAppError, taskCancelled, taskInterrupted, taskNotFound } from './errors.ts';
import type { EventLog } from './events.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Call, RunAnswer, Tasks } from './hub.ts';
import type { Ledger } from './ledger.ts';
import type { RunEnds } from './run-ends.ts';
import type { Sharing } from './sharing/sharing.ts';
import type { Tails } from './tails.ts';
import { queuedRow, type Run } from './task-rows.ts';
import { reporting } from './waiting.ts';

const TRAVEL_MS = 30_000;
/** How long a cancelled run may take to say how it ended, before its task is ended without it. */
const CANCEL_MS = 5_000;
/** Ends that another process recorded are noticed this late. */
const LOOK_MS = 1_000;

interface Parts {
  readonly catalog: Catalog;
  readonly ends: RunEnds;
  readonly events: EventLog;
  readonly finished: FinishedRuns;
  readonly holders: Holders;
  readonly sharing: Sharing;
  readonly ledger: Ledger;
  readonly tails: Tails;
}

/** Looks after tasks that no worker has. */
export interface TaskOwner {
  /** Stops one that has started; false when that cannot be done any more, and it will end by itself. */
  stop(task: TaskRecord, reason: string): Promise<boolean>;
}

/** Work that outlives its call: one state machine, `queued -> running -> ended`, whose truth is the row. */
export class TaskDesk implements Tasks {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  readonly #owners = new Map<string, TaskOwner>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Tasks of this toolset that belong to no workspace are looked after by somebody else. */
  ownedBy(toolset: string, owner: TaskOwner): void {
    this.#owners.set(toolset, owner);
  }

  async get(id: string, caller: Caller): Promise<TaskRecord> {
    const task = (await this.#foundation.store.tasks.get(id)) ?? (await this.#justFinished(id));
    if (task === undefined || !(await this.#isFor(task, caller))) throw taskNotFound(id);
    return task;
  }

  async wait(id: string, waitSeconds: number, call: Call): Promise<TaskRecord> {
    const first = await this.get(id, call.caller);
    if (first.completedAt !== null) return first;
    const ended = this.#ended(id, { deadlineMs: waitSeconds * 1000, signal: call.signal });
    const { foundation, tails, worker } = {
      foundation: this.#foundation,
      tails: this.#parts.tails,
      worker: first.worker,
    };
    const isElsewhere = worker === null || first.workspaceId === null;
    await (isElsewhere ? ended : reporting(ended, { foundation, tails, call, worker, id }));
    return await this.get(id, call.caller);
  }

  async cancel(id: string, reason: string, caller: Caller): Promise<{ cancelled: boolean; task: TaskRecord }> {
    const task = await this.get(id, caller);
    if (task.completedAt !== null) return { cancelled: false, task };
    const { ends } = this.#parts;
    const ending = { status: 'cancelled', error: taskCancelled(id, reason) } as const;
    const owner = task.workspaceId === null ? this.#owners.get(task.toolset) : undefined;
    if (owner !== undefined) {
      const isOver = await ends.conclude(task, ending, { onlyIfQueued: true });
      if (!isOver && (await owner.stop(task, reason))) await ends.conclude(task, ending);
      const left = await this.get(id, caller);
      return { cancelled: left.status === 'cancelled', task: left };
    }
    // A queued task ends here, so that its start is refused whatever its worker does; a running one ends with its processes.
    if (task.status === 'queued') await ends.conclude(task, ending);
    const isKnown = await this.#stop(task, reason);
    if (task.status === 'running' && isKnown) await this.#ended(id, { deadlineMs: CANCEL_MS });
    await ends.conclude(task, ending);
    const last = await this.get(id, caller);
    return { cancelled: last.status === 'cancelled', task: last };
  }

  async list(
    query: PageQuery & { status?: TaskRecord['status']; workspaceId?: string; toolset?: string },
    caller: Caller,
  ): Promise<Page<TaskRecord>> {
    await this.#parts.finished.flushEverywhere();
    // Those of a workspace that is shared are its owner's.
    const owner = await this.#ownerOf(query.workspaceId, caller);
    return await this.#foundation.store.tasks.list({ ...query, caller: owner });
  }

  /** Ends all unfinished tasks of a workspace that is being deleted. Its worker ends their processes with the box. */
  async cancelAll(workspaceId: string, reason: string): Promise<void> {
    for (const task of await this.#foundation.store.tasks.unfinished(workspaceId)) {
      await this.#parts.ends.conclude(task, { status: 'cancelled', error: taskCancelled(task.id, reason) });
    }
  }

  /** Makes the row of a task, queued or, when it ran inline until now, running. */
  async accept(run: Run, at: { sequence: number | null; startedAt: number | null }): Promise<void> {
    const { ledger, tails } = this.#parts;
    const row = { ...queuedRow(run), ...at, status: at.startedAt === null ? 'queued' : 'running' } as const;
    const { store, limits } = this.#foundation;
    await store.tasks.insert(row, { perCaller: limits.of(row.caller)?.tasks });
    ledger.becomeTask(run.id, run.workspace.id);
    await tails.follow(run.workspace.worker, run.id);
    await this.announce(row, 'task.queued');
    if (at.startedAt !== null) await this.announce(row, 'task.started');
  }

  /** Puts an accepted task into the line of its workspace. What keeps it out is thrown, and ends the task, unless it has started all the same. */
  async send(run: Run, { sent = () => {} }: { sent?: () => void }): Promise<void> {
    const { holders, catalog, ends } = this.#parts;
    const submit = { commandId: run.id, job: run.placed.job, waitMs: 0, detached: true };
    try {
      const asked = holders.ask(run.workspace, 'run.submit', hold => ({ ...hold, ...submit }), {
        timeoutMs: TRAVEL_MS,
      });
      sent();
      await this.settle(run.id, catalog.latest(run.workspace), await asked);
    } catch (error) {
      const failure = asAppError(error);
      // Without an answer it may be in the line all the same; the next look at the workspace's tasks will tell.
      if (failure.code === 'NO_WORKER_AVAILABLE' && failure.details.reason === 'no_answer') return;
      // The worker was lost, and whoever found its workspace another one has placed this task there: it runs.
      const isOver = await ends.conclude(queuedRow(run), { status: 'failed', error: failure }, { onlyIfQueued: true });
      if (isOver) throw error;
    }
  }

  /** Brings the row up to what the worker says now, and reads it. */
  async settle(id: string, workspace: WorkspaceRecord, said: WorkerReply<'run.await'>): Promise<TaskRecord> {
    const { store } = this.#foundation;
    const { ends, catalog } = this.#parts;
    const { worker, epoch } = catalog.latest(workspace);
    if (said.state === 'ended') await ends.record(id, said.outcome, { worker, epoch });
    if (said.state === 'queued') await store.tasks.update(id, { sequence: said.sequence, worker, epoch });
    if (said.state === 'running') await store.tasks.start(id, { worker, epoch, sequence: said.sequence });
    const task = await store.tasks.get(id);
    if (task === undefined) throw taskNotFound(id);
    if (said.state === 'unknown') await ends.conclude(task, { status: 'interrupted', error: taskInterrupted(id) });
    return said.state === 'unknown' ? ((await store.tasks.get(id)) ?? task) : task;
  }

  async announce(task: TaskRecord, type: 'task.queued' | 'task.started'): Promise<void> {
    const { id, operation, sequence, workspaceId } = task;
    const body = { task_id: id, operation, ...(sequence !== null && { sequence }) };
    await this.#parts.events.append(`task:${id}`, type, body);
    if (workspaceId !== null) await this.#parts.events.append(`workspace:${workspaceId}`, type, body);
  }

  /** What a running task has put out; empty when its worker cannot be asked. */
  async outputSoFar({ id, status, workspaceId }: TaskRecord): Promise<{ stdout: string; stderr: string }> {
    const nothing = { stdout: '', stderr: '' };
    const workspace =
      status === 'running' && workspaceId !== null ? await this.#parts.catalog.refresh(workspaceId) : undefined;
    if (workspace === undefined) return nothing;
    const look = { commandId: id, waitMs: 0, detach: true };
    const options = { timeoutMs: TRAVEL_MS };
    try {
      const said = await this.#parts.holders.send(workspace, 'run.await', hold => ({ ...hold, ...look }), options);
      return 'stdout' in said ? { stdout: said.stdout, stderr: said.stderr } : nothing;
    } catch (error) {
      this.#foundation.log.debug({ err: error, task: id }, 'the output of a task could not be read');
      return nothing;
    }
  }

  /** The answer of a call whose task has ended; throws the task's error unless it completed. */
  answer(task: TaskRecord): RunAnswer {
    const stored = storedResult.safeParse(task.result);
    if (task.status === 'completed' && stored.success) return { state: 'ended', ...stored.data, taskId: task.id };
    const failure = errorShapeSchema.safeParse(task.error);
    if (failure.success) throw AppError.fromShape(failure.data);
    throw new AppError('INTERNAL_ERROR', `the result of task ${task.id} was not kept`);
  }

  /** False when the worker does not know the run, or is not there. */
  async #stop({ id, workspaceId }: TaskRecord, reason: string): Promise<boolean> {
    const { catalog, holders } = this.#parts;
    const workspace = workspaceId === null ? undefined : await catalog.refresh(workspaceId);
    if (workspace === undefined) return false;
    const options = { timeoutMs: TRAVEL_MS };
    try {
      const cancel = { commandId: id, reason };
      const { state } = await holders.send(workspace, 'run.cancel', hold => ({ ...hold, ...cancel }), options);
      return state !== 'unknown';
    } catch (error) {
      this.#foundation.log.warn({ err: error, task: id }, 'the worker of a task could not be told to cancel it');
      return false;
    }
  }

  /** Settles when the task has ended or the deadline is over. Throws the reason of the signal. */
  async #ended(id: string, { deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal }): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (true) {
      signal?.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      // Listens before it looks, so that no end is missed in between.
      const stop = this.#parts.ends.listen(id, resolve);
      const wake = () => resolve();
      signal?.addEventListener('abort', wake, { once: true });
      let timer: NodeJS.Timeout | undefined;
      try {
        const task = await this.#foundation.store.tasks.get(id);
        const leftMs = deadline - performance.now();
        if (task === undefined || task.completedAt !== null || leftMs <= 0) return;
        timer = setTimeout(wake, Math.min(leftMs, LOOK_MS));
        await promise;
      } finally {
        clearTimeout(timer);
        stop();
        signal?.removeEventListener('abort', wake);
      }
    }
  }

  /** A task is used by its caller, and by whoever may use its workspace. */
  async #isFor({ caller: owner, workspaceId }: TaskRecord, caller: Caller): Promise<boolean> {
    if (owner === caller.id) return true;
    return (
      workspaceId !== null && (await this.#parts.sharing.mayUseWorkspace({ id: workspaceId, caller: owner }, caller))
    );
  }

  async #ownerOf(workspaceId: string | undefined, caller: Caller): Promise<string> {
    const workspace = workspaceId === undefined ? undefined : await this.#foundation.store.workspaces.get(workspaceId);
    const isShared = workspace !== undefined && (await this.#parts.sharing.mayUseWorkspace(workspace, caller));
    return isShared ? workspace.caller : caller.id;
  }

  /** A run that ended a moment ago may not be written yet. */
  async #justFinished(id: string): Promise<TaskRecord | undefined> {
    await this.#parts.finished.flushEverywhere();
    return await this.#foundation.store.tasks.get(id);
  }
}

const storedResult = z.object({ output: z.record(z.string(), z.json()), text: z.array(z.string()) });
