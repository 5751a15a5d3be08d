import type { CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { runStateOf } from '../../providers/codegen/run-state.ts';
import { pullRequestsOf } from '../../providers/codegen/agents.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import { toJsonObject } from '../json.ts';
import { bodyOf, bodyOfRun, type RunView } from './run-body.ts';

/** The task of a run as callers see it. `children`: tasks whose results are owed to the run. */
export function taskView(record: CodegenRecord, children: readonly CodegenRecord[]): JsonObject {
  const body = bodyOf(record);
  return viewOf(body, {
    taskId: record.id,
    runId: record.runId,
    createdAt: new Date(record.createdAt).toISOString(),
    completedAt: record.endedAt === null ? null : new Date(record.endedAt).toISOString(),
    metadata: body.metadata,
    orchestratorRunId: record.orchestratorRunId,
    delivery: deliveryOf(record),
    children,
  });
}

/** A run without a task here, in the same form. */
export const runView = (run: CodegenRun, children: readonly CodegenRecord[]): JsonObject =>
  viewOf(bodyOfRun(run), {
    taskId: null,
    runId: run.id,
    createdAt: run.createdAt,
    completedAt: null,
    metadata: withoutTaskId(run.metadata),
    orchestratorRunId: orchestratorOf(run) ?? null,
    children,
  });

/** A run in a list. */
export const itemView = (run: CodegenRun, taskId: string | null): JsonObject =>
  toJsonObject({
    ...run.further,
    id: run.id,
    status: run.status,
    state: runStateOf(run.status),
    created_at: run.createdAt,
    web_url: run.webUrl,
    metadata: withoutTaskId(run.metadata),
    ...(run.result !== null && { result: run.result }),
    ...(run.summary !== null && { summary: run.summary }),
    source_type: run.sourceType,
    task_id: taskId,
    pull_requests: pullRequestsOf(run),
  });

/** The run that is told the result of this one, as its metadata name it. */
export function orchestratorOf({ metadata }: CodegenRun): number | undefined {
  const id = metadata.orchestrator_run_id;
  if (typeof id === 'number') return id;
  return typeof id === 'string' && /^\d+$/.test(id) ? Number(id) : undefined;
}

interface Shown {
  readonly taskId: string | null;
  readonly runId: number | null;
  readonly createdAt: string | null;
  readonly completedAt: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly orchestratorRunId: number | null;
  readonly delivery?: JsonObject | undefined;
  readonly children: readonly CodegenRecord[];
}

function viewOf({ state, upstream_status, result, error, web_url, pull_requests }: RunView, shown: Shown): JsonObject {
  const { delivery, children } = shown;
  return toJsonObject({
    status: 'success',
    task_id: shown.taskId,
    agent_run_id: shown.runId,
    state,
    upstream_status,
    result,
    error,
    created_at: shown.createdAt,
    completed_at: shown.completedAt,
    web_url,
    metadata: shown.metadata,
    orchestrator_run_id: shown.orchestratorRunId,
    ...(delivery !== undefined && { delivery }),
    ...(children.length > 0 && { children: children.map(childView) }),
    pull_requests,
  });
}

const childView = (child: CodegenRecord): JsonObject => ({
  task_id: child.id,
  agent_run_id: child.runId,
  state: bodyOf(child).state,
});

function deliveryOf(record: CodegenRecord): JsonObject | undefined {
  const { orchestratorRunId, deliveryState, deliveryAt, deliveryError } = record;
  if (orchestratorRunId === null || deliveryState === null) return undefined;
  return {
    orchestrator_run_id: orchestratorRunId,
    state: deliveryState === 'sending' ? 'waiting' : deliveryState,
    at: deliveryAt === null ? null : new Date(deliveryAt).toISOString(),
    error: deliveryError,
  };
}

/** The handle of a task belongs to whoever started the run, and stands in a field of its own. */
const withoutTaskId = ({ task_id: _, ...rest }: CodegenRun['metadata']) => rest;
