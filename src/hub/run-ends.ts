import { z } from 'zod';
import type { Outcome } from '../protocol/jobs.ts';
import type { JsonObject, TaskRecord } from '../store/rows.ts';
import { countTaskEnd } from '../telemetry/metrics.ts';
import type { ArtifactShelf } from './artifacts.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Peers } from './hub.ts';
import type { Ledger } from './ledger.ts';
import { type Ending, type Renderings, rowOfEnding } from './renderings.ts';
import type { Tails } from './tails.ts';
import { placedJobSchema } from './task-rows.ts';

const ENDED = 'task.ended';
const endedSchema = z.object({ task: z.string() });

interface Parts {
  readonly artifacts: ArtifactShelf;
  readonly events: EventLog;
  readonly ledger: Ledger;
  readonly peers: Peers;
  readonly renderings: Renderings;
  readonly tails: Tails;
}

interface ConcludeOptions {
  readonly sequence?: number;
  readonly onlyIfQueued?: boolean;
  /** Told in further streams with the end, or not at all. */
  readonly announce?: readonly { readonly stream: string; readonly type: string; readonly body: JsonObject }[];
}

/**
 * The one place where a task ends: artifacts, the row, the events, and those who wait are told. Each end is recorded once,
 * however often it is reported.
 */
export class RunEnds {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #recording = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    parts.peers.hear(ENDED, body => this.#ended(endedSchema.parse(body).task));
  }

  /** A worker reports an end. Idempotent; unknown and ended tasks are left as they are. */
  record(id: string, outcome: Outcome, by: { worker: string; epoch: number }): Promise<void> {
    const running = this.#recording.get(id);
    if (running !== undefined) return running;
    const recording = this.#record(id, outcome, by).finally(() => this.#recording.delete(id));
    this.#recording.set(id, recording);
    return recording;
  }

  /**
   * Ends a task without an outcome; false when it had ended before. With `onlyIfQueued` also when it has started: then somebody else
   * has placed it meanwhile, and it will end by itself.
   */
  async conclude(
    task: TaskRecord,
    ending: Ending,
    { announce: more = [], ...options }: ConcludeOptions = {},
  ): Promise<boolean> {
    const { status, ...columns } = rowOfEnding(ending);
    const { tasks } = this.#foundation.store;
    if (options.onlyIfQueued && (await tasks.get(task.id))?.status !== 'queued') return false;
    // What it said last comes before its end in the stream of events.
    await this.#parts.tails.drop(task.id);
    const announce = [...announcementOf(task, ending), ...more];
    const isNew = await tasks.finish(task.id, { status, ...columns, ...options, announce });
    if (isNew) {
      countTaskEnd(status);
      for (const { stream } of announce) this.#parts.events.wake(stream);
      this.#parts.peers.tell(ENDED, { task: task.id });
    }
    if (isNew || !options.onlyIfQueued) this.#ended(task.id);
    return isNew;
  }

  /** Calls `wake` whenever the task may have ended, until the returned function is called. */
  listen(id: string, wake: () => void): () => void {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
    };
  }

  /** Here or at another hub. */
  #ended(id: string): void {
    this.#parts.ledger.end(id);
    for (const wake of this.#waiting.get(id) ?? []) wake();
  }

  async #record(id: string, outcome: Outcome, { worker, epoch }: { worker: string; epoch: number }): Promise<void> {
    const { store, log } = this.#foundation;
    const task = await store.tasks.get(id);
    if (task === undefined || task.completedAt !== null) return;
    if (!(await this.#mayEnd(task, { worker, epoch }))) {
      log.warn({ task: id, worker, epoch }, 'an end was reported by a worker that does not have the task');
      return;
    }
    // Its start may be unrecorded when it ran inline until a moment ago.
    if (task.status === 'queued' && outcome.startedAt !== null) {
      await store.tasks.start(id, { worker, epoch, sequence: outcome.sequence });
    }
    const origin = { caller: task.caller, workspaceId: task.workspaceId ?? '', taskId: id };
    const collected = await this.#parts.artifacts.register(outcome, origin);
    const render = placedJobSchema.safeParse(task.job).data?.render ?? '';
    const ending = this.#parts.renderings.ending(outcome, { id, render, collected });
    await this.conclude(task, ending, { sequence: outcome.sequence });
  }

  /**
   * Who was given the task may end it until it is given to another, also after its lease. A task that is about to be sent is recorded
   * without a worker, or with an earlier one: then it is for whoever holds the workspace.
   */
  async #mayEnd(task: TaskRecord, by: { worker: string; epoch: number }): Promise<boolean> {
    if (task.worker === by.worker && task.epoch === by.epoch) return true;
    if (by.epoch < (task.epoch ?? 0) || task.workspaceId === null) return false;
    const holder = await this.#foundation.store.workspaces.get(task.workspaceId);
    return holder?.worker === by.worker && holder.epoch === by.epoch;
  }
}

/** Who follows the task or its workspace hears of the end when it is recorded, not sooner and not without. */
function announcementOf(task: TaskRecord, ending: Ending) {
  const body: JsonObject = { task_id: task.id, operation: task.operation, status: ending.status };
  if (ending.status !== 'completed') body.error = { code: ending.error.code, message: ending.error.message };
  const streams = [`task:${task.id}`, ...(task.workspaceId === null ? [] : [`workspace:${task.workspaceId}`])];
  return streams.map(stream => ({ stream, type: 'task.ended', body }));
}
