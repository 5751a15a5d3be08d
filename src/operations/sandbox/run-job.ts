import { z } from 'zod';
import type { RenderName, RunAnswer } from '../../hub/hub.ts';
import type { Job } from '../../protocol/jobs.ts';
import type { JsonObject, WorkspaceRecord } from '../../store/rows.ts';
import { badArgument } from '../arguments.ts';
import { Answered, type OperationContext } from '../operation.ts';
import { textOf } from './renderers.ts';
import { pendingLine } from './views.ts';

/** A call that puts a job into the line of a workspace. */
export interface JobCall<Output extends z.ZodType<Record<string, unknown>>> {
  readonly operation: string;
  readonly input: {
    readonly workspace_id?: string;
    readonly timeout_seconds?: number;
    readonly wait_seconds: number;
    readonly idempotency_key?: string;
  };
  /** Whether a workspace is made for a call that has none; false for what cannot succeed in an empty one. */
  readonly mayCreate: boolean;
  readonly usualTimeoutSeconds: number;
  readonly render: RenderName;
  readonly output: Output;
  job(timeoutSeconds: number): Job;
  /** What stands beside `status`, `task_id` and `workspace_id` while the job has not ended. */
  soFar?(answer: Pending): JsonObject;
}

type Pending = Extract<RunAnswer, { state: 'pending' }>;

/** Runs the job, and answers with its output, or with the handle of its task when it takes longer than the caller waits. */
export async function runJob<Output extends z.ZodType<Record<string, unknown>>>(
  call: JobCall<Output>,
  context: OperationContext,
): Promise<Answered<z.output<Output>>> {
  const workspace = await workspaceOf(call, context);
  const answer = await context.hub.runs.run(
    {
      workspace,
      operation: call.operation,
      job: call.job(timeoutOf(call, workspace)),
      waitSeconds: context.wantsTask ? 0 : call.input.wait_seconds,
      idempotencyKey: call.input.idempotency_key,
      render: call.render,
    },
    context,
  );
  if (answer.state === 'ended') {
    const task = answer.taskId === undefined ? {} : { task_id: answer.taskId };
    const output = call.output.parse({ ...answer.output, ...task, workspace_id: workspace.id });
    return new Answered(output, textOf(answer.text, output));
  }
  const { task } = answer;
  const handle = { status: task.status, task_id: task.id, workspace_id: workspace.id };
  return new Answered(call.output.parse({ ...call.soFar?.(answer), ...handle }), [pendingLine(task)]);
}

/** True for the output of a job that has not ended; false for a status that was asked for. */
export function isPending(output: Readonly<Record<string, unknown>>): boolean {
  const isOpen = output.status === 'queued' || output.status === 'running';
  return isOpen && typeof output.task_id === 'string' && !('done' in output) && !('poll_interval_ms' in output);
}

/**
 * A repeat under the same key must meet the same workspace, so the choice of a fresh one is remembered under the key as well.
 */
async function workspaceOf<Output extends z.ZodType<Record<string, unknown>>>(
  { operation, input, mayCreate }: JobCall<Output>,
  context: OperationContext,
): Promise<WorkspaceRecord> {
  const { hub, caller } = context;
  const where = { mayCreate, tool: operation };
  const key = input.idempotency_key;
  const isFresh = input.workspace_id === undefined && context.connection === undefined;
  if (!isFresh || !mayCreate || key === undefined) return hub.workspaces.resolve(input.workspace_id, context, where);
  const chosen = await hub.idempotency.once(
    { caller, operation: `${operation}/workspace`, key, args: input },
    async ids => {
      const { id } = await hub.workspaces.resolve(undefined, { ...context, ids }, where);
      return { workspace_id: id };
    },
  );
  return hub.workspaces.resolve(chosen.workspace_id, context, where);
}

const specLimits = z.object({ limits: z.object({ wall_seconds: z.number() }) });
/** Known workspaces keep their records, and each call asks. */
const wallSeconds = new WeakMap<object, number>();

function wallSecondsOf(spec: WorkspaceRecord['spec']): number {
  const known = wallSeconds.get(spec);
  if (known !== undefined) return known;
  const { wall_seconds } = specLimits.parse(spec).limits;
  wallSeconds.set(spec, wall_seconds);
  return wall_seconds;
}

function timeoutOf<Output extends z.ZodType<Record<string, unknown>>>(
  { input, usualTimeoutSeconds }: JobCall<Output>,
  workspace: WorkspaceRecord,
): number {
  const wall_seconds = wallSecondsOf(workspace.spec);
  if (input.timeout_seconds === undefined) return Math.min(usualTimeoutSeconds, wall_seconds);
  if (input.timeout_seconds <= wall_seconds) return input.timeout_seconds;
  throw badArgument(
    'timeout_seconds',
    `must be at most ${wall_seconds}, the wall_seconds of the workspace, got ${input.timeout_seconds}`,
    'use a shorter timeout, or create a workspace with larger limits.wall_seconds',
  );
}
