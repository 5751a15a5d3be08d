import type { CallIds } from '../ids/call-ids.ts';
import { newTaskId } from '../ids/ids.ts';
import type { Job, Outcome } from '../protocol/jobs.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { TaskRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Activity } from './activity.ts';
import type { ArtifactShelf } from './artifacts.ts';
import type { Catalog } from './catalog.ts';
import { asAppError, taskCancelled, taskNotFound, workerLost } from './errors.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Call, Idempotency, RenderName, Renderer, RunAnswer, RunRequest, Runs } from './hub.ts';
import type { Ledger } from './ledger.ts';
import type { Ending, Renderings } from './renderings.ts';
import { finishedRow, type Run } from './task-rows.ts';
import type { TaskDesk } from './tasks.ts';
import type { Tails } from './tails.ts';
import { reached, reporting } from './waiting.ts';

/** Time for a message to travel, beyond the wait that it asks for. */
const TRAVEL_MS = 30_000;
const CANCEL_TIMEOUT_MS = 15_000;
/** A job without a deadline of its caller is asked after this often. */
const LOOK_MS = 60_000;

interface Parts {
  readonly activity: Activity;
  readonly artifacts: ArtifactShelf;
  readonly catalog: Catalog;
  readonly finished: FinishedRuns;
  readonly holders: Holders;
  readonly idempotency: Idempotency;
  readonly ledger: Ledger;
  readonly renderings: Renderings;
  readonly tails: Tails;
  readonly tasks: TaskDesk;
}

type Pending = Exclude<WorkerReply<'run.submit'>, { state: 'ended' }>;

/**
 * Jobs in workspaces. A run is inline, one request to the worker and no row before the answer, until something makes it a
 * task: the end of its caller's patience, the wish for a task, or an idempotency key.
 */
export class RunDesk implements Runs {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  registerRenderer(name: RenderName, renderer: Renderer): void {
    this.#parts.renderings.register(name, renderer);
  }

  async run(request: RunRequest, call: Call): Promise<RunAnswer> {
    const { limits } = this.#foundation;
    const { caller } = request.workspace;
    // A run leaves files of any size, and what it has done cannot be refused afterwards.
    if (limits.of(caller) !== undefined) await limits.requireRoom(caller);
    const isTask = call.wantsTask || request.waitSeconds <= 0 || request.idempotencyKey !== undefined;
    return await (isTask ? this.#asTask(request, call) : this.#inline(request, call));
  }

  /**
   * Runs a job to its end, however long that takes, while the caller waits. Its failure is thrown as AppError; it is cancelled
   * when the caller goes away. `isHeld` asks only the worker that the record names.
   */
  async toEnd(
    request: { workspace: WorkspaceRecord; job: Job; operation: string; isHeld?: boolean },
    call: Pick<Call, 'turn' | 'signal' | 'report' | 'ids'>,
  ): Promise<Outcome> {
    const run = runOf({ ...request, render: '' }, call.ids);
    const { holders, ledger } = this.#parts;
    const { signal } = call;
    const ask: Holders['ask'] = request.isHeld ? holders.send.bind(holders) : holders.ask.bind(holders);
    const options = { timeoutMs: LOOK_MS + TRAVEL_MS, signal };
    const known = { commandId: run.id, waitMs: LOOK_MS };
    ledger.admit(run.id, run.workspace.id);
    try {
      await reached(call);
      const submit = { ...known, job: request.job, detached: false };
      const sent = ask(run.workspace, 'run.submit', hold => ({ ...hold, ...submit }), options);
      call.turn.done();
      let reply: WorkerReply<'run.await'> = await this.#watched(run, sent, call);
      while (reply.state !== 'ended') {
        if (reply.state === 'unknown') throw workerLost();
        const again = ask(run.workspace, 'run.await', hold => ({ ...hold, ...known, detach: false }), options);
        reply = await this.#watched(run, again, call);
      }
      const { end } = reply.outcome;
      const ending = this.#endingOf(run, reply.outcome);
      this.#parts.finished.add(finishedRow(run, ending, reply.outcome));
      if (end.kind === 'completed') return reply.outcome;
      throw ending.status === 'completed' ? new Error('a run that did not complete has an output') : ending.error;
    } catch (error) {
      if (signal.aborted) this.#abandon(run);
      throw error;
    } finally {
      ledger.end(run.id);
    }
  }

  async #inline(request: RunRequest, call: Call): Promise<RunAnswer> {
    const run = runOf(request);
    const { holders, ledger } = this.#parts;
    const { signal } = call;
    const waitMs = request.waitSeconds * 1000;
    ledger.admit(run.id, run.workspace.id);
    let isTask = false;
    let isSent = false;
    try {
      await reached(call);
      const submit = { commandId: run.id, job: request.job, waitMs, detached: false };
      const options = { timeoutMs: waitMs + TRAVEL_MS, signal };
      const sent = holders.ask(run.workspace, 'run.submit', hold => ({ ...hold, ...submit }), options);
      isSent = true;
      call.turn.done();
      const reply = await this.#watched(run, sent, call);
      if (reply.state === 'ended') return await this.#answer(run, reply.outcome);
      const became = this.#becomeTask(run, reply);
      isTask = true;
      return await became;
    } catch (error) {
      if (!isTask && isSent) this.#fail(run, { error, isAborted: signal.aborted });
      throw error;
    } finally {
      if (!isTask) ledger.end(run.id);
    }
  }

  /** The caller's patience is over: the row first, then the worker is told to report the end. */
  async #becomeTask(run: Run, reply: Pending): Promise<RunAnswer> {
    const { tasks, holders, catalog, ledger } = this.#parts;
    const workspace = catalog.latest(run.workspace);
    const accepted = { ...run, workspace };
    try {
      await tasks.accept(accepted, {
        sequence: reply.sequence,
        startedAt: 'startedAt' in reply ? reply.startedAt : null,
      });
    } catch (error) {
      // Without a row nobody could ever learn its result.
      this.#abandon(run);
      ledger.end(run.id);
      throw error;
    }
    const now = await holders
      .ask(workspace, 'run.await', hold => ({ ...hold, commandId: run.id, waitMs: 0, detach: true }), {
        timeoutMs: TRAVEL_MS,
      })
      .catch(error => {
        this.#foundation.log.warn({ err: error, task: run.id }, 'a run that became a task could not be looked at');
        return reply;
      });
    const task = await tasks.settle(run.id, workspace, now);
    if (task.completedAt !== null) return tasks.answer(task);
    const [stdout, stderr] = 'stdout' in now ? [now.stdout, now.stderr] : ['', ''];
    return { state: 'pending', task, stdout, stderr };
  }

  async #asTask(request: RunRequest, call: Call): Promise<RunAnswer> {
    const { idempotency, tasks } = this.#parts;
    const { workspace, operation, job, idempotencyKey: key } = request;
    // In turn, so that of two calls with one key the first in line is the one that works.
    await reached(call);
    const args = { workspace_id: workspace.id, job };
    const { task_id } = await idempotency.once({ caller: call.caller, operation, key, args }, async ids => ({
      task_id: (await this.#submit(request, { ...call, ids })).id,
    }));
    call.turn.done();
    const known = await this.#foundation.store.tasks.get(task_id);
    if (known === undefined) throw taskNotFound(task_id);
    const waitSeconds = call.wantsTask ? 0 : request.waitSeconds;
    // Who waits for nothing gets the handle, always: also when the task was quicker, or the call is a repeat.
    if (waitSeconds <= 0) return { state: 'pending', task: asAccepted(known), stdout: '', stderr: '' };
    const task = await tasks.wait(task_id, waitSeconds, call);
    if (task.completedAt !== null) return tasks.answer(task);
    return { state: 'pending', task, ...(await tasks.outputSoFar(task)) };
  }

  /** A task from the start: its row is there before its worker hears of it. */
  async #submit(request: RunRequest, call: Call): Promise<Run> {
    const run = runOf(request, call.ids);
    const { ledger, tasks } = this.#parts;
    // Made by an attempt whose hub is gone. Nothing is ever run twice: what had not started is placed again by itself.
    if (call.ids && (await this.#foundation.store.tasks.get(run.id))) return run;
    ledger.admit(run.id, run.workspace.id);
    try {
      await tasks.accept(run, { sequence: null, startedAt: null });
    } catch (error) {
      // Another attempt made it in this very moment: the worker takes the same run once.
      const isThere = call.ids && (await this.#foundation.store.tasks.get(run.id)) !== undefined;
      if (!isThere) {
        ledger.end(run.id);
        throw error;
      }
    }
    await tasks.send(run, { sent: () => call.turn.done() });
    return run;
  }

  #watched<Value>(run: Run, answer: Promise<Value>, call: Pick<Call, 'report'>): Promise<Value> {
    const { tails, catalog } = this.#parts;
    const { worker } = catalog.latest(run.workspace);
    return reporting(answer, { foundation: this.#foundation, tails, call, worker, id: run.id });
  }

  async #answer(run: Run, outcome: Outcome): Promise<RunAnswer> {
    const { artifacts, finished, renderings, activity } = this.#parts;
    const { id, workspace } = run;
    const collected = await artifacts.register(outcome, {
      caller: workspace.caller,
      workspaceId: workspace.id,
      taskId: id,
    });
    const ending = renderings.ending(outcome, { id, render: run.placed.render, collected });
    finished.add(finishedRow(run, ending, outcome));
    activity.touch(workspace.id);
    if (ending.status !== 'completed') throw ending.error;
    return { state: 'ended', output: ending.output, text: ending.text };
  }

  #endingOf(run: Run, outcome: Outcome): Ending {
    const collected = { artifacts: [], outputArtifacts: {} };
    const ending = this.#parts.renderings.ending(outcome, { id: run.id, render: '', collected });
    return ending.status === 'completed' ? { status: 'completed', output: {}, text: [] } : ending;
  }

  /** A run that was sent and got no answer leaves a row only when it may have run. */
  #fail(run: Run, { error, isAborted }: { error: unknown; isAborted: boolean }): void {
    if (isAborted) {
      this.#abandon(run);
      return;
    }
    const failure = asAppError(error);
    if (failure.code !== 'SANDBOX_DIED') return;
    this.#parts.finished.add(finishedRow(run, { status: 'failed', error: failure }, undefined));
  }

  /** The caller is gone, and no row promises a result: the run is stopped. */
  #abandon(run: Run): void {
    const reason = 'the caller went away';
    const { holders, catalog, finished } = this.#parts;
    finished.add(finishedRow(run, { status: 'cancelled', error: taskCancelled(run.id, reason) }, undefined));
    this.#foundation.background.run('cancel a run', async () => {
      const cancel = { commandId: run.id, reason };
      const options = { timeoutMs: CANCEL_TIMEOUT_MS };
      await holders.send(catalog.latest(run.workspace), 'run.cancel', hold => ({ ...hold, ...cancel }), options);
    });
  }
}

/** A task as it was when it was accepted, if it has ended since. */
const asAccepted = (task: TaskRecord): TaskRecord =>
  task.completedAt === null ? task : { ...task, status: 'queued', startedAt: null, completedAt: null };

const runOf = (
  { workspace, operation, job, render }: Pick<RunRequest, 'workspace' | 'operation' | 'job' | 'render'>,
  ids?: CallIds,
): Run => ({
  id: ids?.taskId() ?? newTaskId(),
  workspace,
  operation,
  placed: { job, render },
  createdAt: Date.now(),
});
