import { z } from 'zod';
import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import { errorShapeSchema } from '../../protocol/jobs.ts';
import type { Hub } from '../../hub/hub.ts';
import type { TaskRecord } from '../../store/rows.ts';
import { defineOperation } from '../define.ts';
import { Answered, toolsets } from '../operation.ts';
import { requireTaskScope } from '../scopes.ts';
import { page } from './inputs.ts';
import { taskCancelOutput, taskListOutput, taskOutput, taskResultOutput } from './outputs.ts';
import { textOf } from './renderers.ts';
import { pendingLine, viewTask } from './views.ts';

const taskId = z.string().describe('handle of the task');
const statuses = ['queued', 'running', 'completed', 'failed', 'cancelled', 'interrupted'] as const;
const reading = { readOnly: true, destructive: false, idempotent: true, openWorld: false };

export const taskGetStatus = defineOperation({
  name: 'task_get_status',
  aliases: ['task.get_status', 'get.task.status'],
  toolset: 'sandbox',
  title: 'Get task status',
  description: 'Show status and progress of a task.',
  input: z.strictObject({ task_id: taskId }),
  output: taskOutput,
  hints: reading,
  scope: 'any:read',
  always: true,
  cli: { words: ['task', 'status'], positional: 'task_id', examples: ['boxswain task status TASK_ID'] },
  run: async ({ task_id }, { hub, caller }) => viewTask(await readableTask(task_id, { hub, caller })),
});

export const taskGetResult = defineOperation({
  name: 'task_get_result',
  aliases: ['task.get_result', 'get.task.result'],
  toolset: 'sandbox',
  title: 'Get task result',
  description: 'Get, or wait for, the result of a task. Kept 7 days.',
  input: z.strictObject({
    task_id: taskId,
    wait_seconds: z.int().min(0).max(300).default(0).describe('seconds to wait for its end'),
  }),
  output: taskResultOutput,
  hints: reading,
  scope: 'any:read',
  core: true,
  always: true,
  cli: {
    words: ['task', 'result'],
    positional: 'task_id',
    examples: ['boxswain task result TASK_ID', 'boxswain task result TASK_ID --wait-seconds 60'],
  },
  async run({ task_id, wait_seconds }, context) {
    const known = await readableTask(task_id, context);
    const mayWait = wait_seconds > 0 && isUnfinished(known);
    const task = mayWait ? await context.hub.tasks.wait(task_id, wait_seconds, context) : known;
    if (isUnfinished(task)) {
      const output = { task_id, status: task.status, done: false, result: null, error: null };
      return new Answered(output, [pendingLine(task)]);
    }
    if (task.status !== 'completed') throw errorOf(task);
    const { output: stored, text } = storedResult.parse(task.result);
    const workspace = task.workspaceId === null ? {} : { workspace_id: task.workspaceId };
    const result = { ...stored, task_id, ...workspace };
    const output = { task_id, status: task.status, done: true, result, error: null };
    return new Answered(output, textOf(text, result));
  },
});

export const taskCancel = defineOperation({
  name: 'task_cancel',
  aliases: ['task.cancel'],
  toolset: 'sandbox',
  title: 'Cancel task',
  description: 'Cancel a task; a running one is killed.',
  input: z.strictObject({ task_id: taskId, reason: z.string().max(1000).optional().describe('kept with the task') }),
  output: taskCancelOutput,
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  scope: 'any:write',
  core: true,
  always: true,
  cli: { words: ['task', 'cancel'], positional: 'task_id', examples: ['boxswain task cancel TASK_ID'] },
  async run({ task_id, reason }, { hub, caller }) {
    const { toolset } = await hub.tasks.get(task_id, caller);
    requireTaskScope(toolset, 'write', caller);
    const { cancelled, task } = await hub.tasks.cancel(task_id, reason ?? 'cancelled by the caller', caller);
    return { task_id, cancelled, status: task.status };
  },
});

export const taskList = defineOperation({
  name: 'task_list',
  aliases: ['task.list'],
  toolset: 'sandbox',
  title: 'List tasks',
  description: 'List your tasks, newest first.',
  input: z.strictObject({
    status: z.enum(statuses).optional().describe('only tasks with this status'),
    workspace_id: z.string().optional().describe('only tasks of this workspace'),
    toolset: z.enum(toolsets).optional().describe('only tasks of this toolset'),
    ...page,
  }),
  output: taskListOutput,
  hints: reading,
  scope: 'any:read',
  always: true,
  cli: { words: ['task', 'list'], examples: ['boxswain task list --status running'] },
  async run({ workspace_id, ...query }, { hub, caller }) {
    if (query.toolset !== undefined) requireTaskScope(query.toolset, 'read', caller);
    const found = await hub.tasks.list({ ...query, workspaceId: workspace_id }, caller);
    return { tasks: found.rows.map(viewTask), next_cursor: found.nextCursor };
  },
});

/** What the hub keeps of a completed task: what its renderer gave. */
const storedResult = z.object({ output: z.looseObject({}), text: z.array(z.string()) });

const isUnfinished = (task: TaskRecord): boolean => task.status === 'queued' || task.status === 'running';

async function readableTask(id: string, { hub, caller }: { hub: Hub; caller: Caller }): Promise<TaskRecord> {
  const task = await hub.tasks.get(id, caller);
  requireTaskScope(task.toolset, 'read', caller);
  return task;
}

/** The error the call would have had; a task that was stopped says so in its own words. */
function errorOf(task: TaskRecord): AppError {
  const stored = errorShapeSchema.safeParse(task.error);
  if (task.status === 'cancelled') {
    const details = { task_id: task.id, ...(stored.success ? stored.data.details : {}) };
    return new AppError('TASK_CANCELLED', `Task ${task.id} was cancelled`, { details });
  }
  if (stored.success) return AppError.fromShape(stored.data);
  if (task.status === 'interrupted') return new AppError('TASK_INTERRUPTED', `Task ${task.id} was interrupted`);
  return new AppError('INTERNAL_ERROR', `Task ${task.id} failed, and its error was not kept`);
}
