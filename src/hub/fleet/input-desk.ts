import { randomUUID } from 'node:crypto';
import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Agent, AgentProvider, AgentRef } from '../../providers/provider.ts';
import type { TaskRecord } from '../../store/rows.ts';
import { taskCancelled } from '../errors.ts';
import type { Foundation } from '../foundation.ts';
import type { Call } from '../hub.ts';
import type { RunEnds } from '../run-ends.ts';
import type { TaskDesk } from '../tasks.ts';
import type { AgentLists } from './agent-lists.ts';
import { agentBusy, agentOffline, agentPaused, cannot, uncertain } from './errors.ts';
import { FLEET, fleetTask, type InputJob, jobOf, queuedInput, SEND, targetOf } from './queued-input.ts';

/** Inputs that wait for one agent. */
const MOST_WAITING = 100;
/** How long a call waits for an agent that was paused. */
const RESUME_SECONDS = 120;

export interface Input {
  readonly text: string;
  readonly whenBusy: 'queue' | 'interrupt' | 'error';
  readonly whenPaused: 'resume' | 'error';
}

export interface Delivered {
  readonly status: 'sent' | 'queued';
  /** Of input that waits, or waited. */
  readonly taskId?: string;
}

interface To {
  readonly agent: Agent;
  readonly provider: AgentProvider;
  readonly ref: AgentRef;
}

interface Parts {
  readonly ends: RunEnds;
  readonly lists: AgentLists;
  readonly tasks: TaskDesk;
  /** Something waits. */
  queued(): void;
}

/** Takes input for agents: sent at once where that can be done, else held until they are idle. */
export class InputDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /**
   * Throws AGENT_OFFLINE, AGENT_BUSY, AGENT_NOT_READY, CAPABILITY_UNSUPPORTED, QUEUE_FULL: then nothing was sent and nothing waits.
   * `taskId`: under which an earlier attempt at the same call may have left the input.
   */
  async send(to: To, input: Input, { call, taskId }: { call: Call; taskId?: string }): Promise<Delivered> {
    const known = taskId === undefined ? undefined : await this.#foundation.store.tasks.get(taskId);
    if (known !== undefined) return outcomeOf(known);
    const { agent } = to;
    const { status, capabilities } = agent;
    const isPaused = status === 'stopped' && capabilities.includes('resume');
    if (isPaused) {
      if (input.whenPaused === 'error') throw agentPaused(agent);
      return await this.#afterResume(await this.#hold(to, input, { call, taskId }), call);
    }
    const takesInput = status === 'idle' || status === 'running' || status === 'busy';
    if (!takesInput && (status === 'offline' || !capabilities.includes('send_input'))) throw agentOffline(agent);
    if (status === 'stopped' && input.whenPaused === 'error') throw agentPaused(agent);
    const isBusy = status === 'busy' || (await this.#isAwaited(agent));
    if (isBusy && input.whenBusy === 'error') throw agentBusy(agent);
    if (status === 'busy' && input.whenBusy === 'interrupt' && !capabilities.includes('interrupt'))
      throw cannot(agent, 'interrupt');
    if (isBusy && input.whenBusy === 'queue') return queued(await this.#hold(to, input, { call, taskId }));
    return await this.#sendNow(to, input, { call, taskId });
  }

  /** What waits for agents of a workspace that is going is cancelled. */
  async cancelFor(gone: { provider: string; workspaceId: string }, reason: string): Promise<void> {
    const { provider, workspaceId } = gone;
    for (const task of await this.#foundation.store.tasks.unfinishedOf(FLEET)) {
      const job = queuedInput(task)?.job;
      if (job?.provider !== provider || job.workspaceId !== workspaceId) continue;
      const ending = { status: 'cancelled', error: taskCancelled(task.id, reason) } as const;
      await this.#parts.ends.conclude(task, ending, { onlyIfQueued: true });
    }
  }

  async #sendNow(
    to: To,
    input: Input,
    { call, taskId }: { call: Call; taskId: string | undefined },
  ): Promise<Delivered> {
    const { provider, ref, agent } = to;
    const { store, id: hub } = this.#foundation;
    // Under a key it is written down first that the input is about to be sent, so that no repeat sends it again.
    const task = taskId === undefined ? undefined : await this.#insert(to, input, { call, taskId });
    const isOurs = task === undefined || (await store.tasks.start(task.id, { worker: hub, epoch: 0, sequence: 0 }));
    if (!isOurs) return queued(task);
    const interrupt = input.whenBusy === 'interrupt' && agent.status === 'busy';
    const target = { ...ref, id: agent.id };
    try {
      await provider.send(target, { text: input.text, interrupt, signal: call.signal });
    } catch (error) {
      this.#parts.lists.forget(provider.name);
      // It has begun to work since it was looked at.
      const waits = error instanceof AppError && error.code === 'AGENT_BUSY' && input.whenBusy === 'queue';
      if (task && waits) await store.tasks.putBack(task.id);
      else if (task) await this.#failed(task, error);
      if (!waits) throw error;
      if (task) this.#parts.queued();
      return queued(task ?? (await this.#hold(to, input, { call, taskId })));
    }
    this.#parts.lists.forget(provider.name);
    if (task) await this.#parts.ends.conclude(task, { status: 'completed', output: { success: true }, text: [] });
    return { status: 'sent' };
  }

  /** The call has failed and may be repeated: nothing is to be found under its key but what may have been sent. */
  async #failed(task: TaskRecord, error: unknown): Promise<void> {
    const failure = error instanceof AppError ? error : new AppError('TASK_INTERRUPTED', 'the call was broken off');
    await this.#parts.ends.conclude(task, { status: 'failed', error: failure });
  }

  /** Whether other input waits for it: then this comes after that. */
  async #isAwaited(agent: Agent): Promise<boolean> {
    return (await this.#waiting(agent)) > 0;
  }

  async #waiting({ provider, id: agentId }: Agent): Promise<number> {
    const tasks = await this.#foundation.store.tasks.unfinishedOf(FLEET);
    const target = targetOf({ provider, agentId });
    return tasks.filter(task => targetOf(queuedInput(task)?.job ?? NOBODY) === target).length;
  }

  async #hold(to: To, input: Input, { call, taskId }: { call: Call; taskId: string | undefined }): Promise<TaskRecord> {
    if ((await this.#waiting(to.agent)) >= MOST_WAITING)
      throw new AppError('QUEUE_FULL', `Agent ${to.agent.id} has ${MOST_WAITING} inputs waiting, which is its limit`, {
        details: { limit: MOST_WAITING, retry_after_seconds: 5 },
      });
    const task = await this.#insert(to, input, { call, taskId: taskId ?? randomUUID() });
    await this.#parts.tasks.announce(task, 'task.queued');
    this.#parts.queued();
    return task;
  }

  async #insert(
    { agent, ref }: To,
    { text, whenPaused }: Input,
    { call, taskId }: { call: { readonly caller: Caller }; taskId: string },
  ): Promise<TaskRecord> {
    const job: InputJob = jobOf(agent, { ref, text, whenPaused });
    const { store, limits } = this.#foundation;
    const { id: caller } = call.caller;
    const perCaller = limits.of(caller)?.tasks;
    return await store.tasks.insert(fleetTask(taskId, { caller, operation: SEND, job }), { perCaller });
  }

  /** The hub that leads resumes the agent and sends; this only waits for it. */
  async #afterResume(task: TaskRecord, call: Call): Promise<Delivered> {
    return outcomeOf(await this.#parts.tasks.wait(task.id, RESUME_SECONDS, call));
  }
}

const NOBODY = { provider: 'local', agentId: '' } as const;

const queued = ({ id }: TaskRecord): Delivered => ({ status: 'queued', taskId: id });

/** Throws what its task ended with, unless that was well. */
function outcomeOf(task: TaskRecord): Delivered {
  const { id, status } = task;
  if (status === 'completed') return { status: 'sent', taskId: id };
  if (status === 'queued' || status === 'running') return queued(task);
  throw storedError(task, id);
}

function storedError({ status, error }: TaskRecord, taskId: string): AppError {
  const code = typeof error?.code === 'string' ? error.code : 'TASK_CANCELLED';
  const message = typeof error?.message === 'string' ? error.message : `Task ${taskId} was cancelled`;
  const stored = AppError.fromShape({ code, message, details: { task_id: taskId } });
  // One that was cancelled was never sent. Of any other it is not certain, so that its key gives this answer again.
  return status === 'cancelled' ? stored : uncertain(stored.code, message, { details: stored.details });
}
