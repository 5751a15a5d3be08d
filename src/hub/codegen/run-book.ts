import { AppError } from '../../errors/app-error.ts';
import type { CodegenRun } from '../../providers/codegen/codegen-client.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { JsonObject, TaskRecord } from '../../store/rows.ts';
import type { EventLog } from '../events.ts';
import { taskInterrupted } from '../errors.ts';
import type { Foundation } from '../foundation.ts';
import type { Ending } from '../renderings.ts';
import type { RunEnds } from '../run-ends.ts';
import { asBody, bodyOf, differs, type RunBody, seen } from './run-body.ts';
import { taskView } from './task-view.ts';

export const TOOLSET = 'codegen';
/** Where readers of `GET /sse` find what they are told. */
export const streamOf = (taskId: string): string => `codegen:${taskId}`;

interface Parts {
  readonly ends: RunEnds;
  readonly events: EventLog;
}

/** Tasks that stand for runs, and everything that is told of them. */
export class RunBook {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** Stores a task before its run is asked for. Throws CAPACITY_EXCEEDED for one more than its caller may have, where `isCounted`. */
  async open(
    record: Pick<CodegenRecord, 'id' | 'caller' | 'runId' | 'orchestratorRunId'>,
    { body, operation, isCounted }: { body: RunBody; operation: string; isCounted: boolean },
  ): Promise<CodegenRecord> {
    const { store, limits, id: owner } = this.#foundation;
    const perCaller = isCounted ? limits.of(record.caller)?.tasks : undefined;
    const task = taskRow({ ...record, startedAt: await store.now() }, operation);
    return await store.codegen.insert({ ...record, owner, body: asBody(body) }, { task, perCaller });
  }

  /** The run of a task is known now, and how it is. Answers the record as it is then. */
  async accepted(record: CodegenRecord, run: CodegenRun): Promise<CodegenRecord> {
    const { codegen } = this.#foundation.store;
    const body = seen(record, run, Date.now());
    // Its first answer says that it goes on; an end is seen by the next look.
    const active: RunBody = { ...body, state: 'active', result: null, error: null };
    const stored = asBody(active);
    const isNew =
      record.runId === null
        ? await codegen.adopt(record.id, { runId: run.id, body: stored })
        : await codegen.update(record.id, stored);
    const now = (await codegen.get(record.id)) ?? { ...record, runId: run.id, body: stored };
    if (isNew) await this.#parts.events.append(streamOf(record.id), 'task_update', await this.view(now));
    return now;
  }

  /** A look at the run of a task. */
  async observe(record: CodegenRecord, run: CodegenRun): Promise<void> {
    const before = bodyOf(record);
    const body = seen(record, run, Date.now());
    if (body.state !== 'active') return await this.end(record, body);
    if (JSON.stringify(body) === JSON.stringify(before)) return;
    const isOpen = await this.#foundation.store.codegen.update(record.id, asBody(body));
    if (!isOpen || !differs(before, body)) return;
    const view = await this.view({ ...record, body: asBody(body) });
    await this.#parts.events.append(streamOf(record.id), 'task_update', view);
  }

  /** Ends a task as its body says. The first end counts. */
  async end(record: CodegenRecord, body: RunBody): Promise<void> {
    const { codegen } = this.#foundation.store;
    await codegen.end(record.id, asBody(body));
    const ended = await codegen.get(record.id);
    if (ended !== undefined && ended.endedAt !== null) await this.settle(ended);
  }

  /** Ends the task of a run that has ended; again, it changes nothing. */
  async settle(record: CodegenRecord): Promise<void> {
    const task = await this.#foundation.store.tasks.get(record.id);
    if (task === undefined || task.completedAt !== null) return;
    const view = await this.view(record);
    const stream = streamOf(record.id);
    const type = bodyOf(record).state === 'completed' ? 'task_complete' : 'task_error';
    await this.#parts.ends.conclude(task, endingOf(record, view), { announce: [{ stream, type, body: view }] });
  }

  /** The task as callers see it. */
  async view(record: CodegenRecord): Promise<JsonObject> {
    const { codegen } = this.#foundation.store;
    const children = record.runId === null ? [] : await codegen.children(record.caller, record.runId);
    return taskView(record, children);
  }
}

function endingOf(record: CodegenRecord, view: JsonObject): Ending {
  const { state, error } = bodyOf(record);
  if (state === 'completed') return { status: 'completed', output: view, text: [JSON.stringify(view)] };
  const details = { task_id: record.id, agent_run_id: record.runId };
  const said = error ?? `Agent run ${record.runId} has ended`;
  if (state === 'cancelled') return { status: 'cancelled', error: new AppError('TASK_CANCELLED', said, { details }) };
  if (state === 'failed') return { status: 'failed', error: new AppError('AGENT_RUN_FAILED', said, { details }) };
  return { status: 'interrupted', error: error === null ? taskInterrupted(record.id) : interrupted(said, details) };
}

const interrupted = (said: string, details: Record<string, unknown>): AppError =>
  new AppError('TASK_INTERRUPTED', said, { details });

const taskRow = (
  { id, caller, startedAt }: { id: string; caller: string; startedAt: number },
  operation: string,
): TaskRecord => ({
  id,
  caller,
  toolset: TOOLSET,
  operation,
  workspaceId: null,
  status: 'running',
  sequence: null,
  worker: null,
  epoch: null,
  job: null,
  progress: null,
  result: null,
  error: null,
  attempts: 0,
  createdAt: startedAt,
  startedAt,
  completedAt: null,
});
