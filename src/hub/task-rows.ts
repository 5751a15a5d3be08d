import { z } from 'zod';
import { jobSchema, type Outcome } from '../protocol/jobs.ts';
import type { TaskRecord, WorkspaceRecord } from '../store/rows.ts';
import { toJsonObject } from './json.ts';
import { type Ending, rowOfEnding } from './renderings.ts';

/** The only toolset whose operations make tasks so far. */
const TOOLSET = 'sandbox';

/** What the row of a task keeps so that it can be placed again and its end rendered. */
export const placedJobSchema = z.object({ job: jobSchema, render: z.string() });
export type PlacedJob = z.output<typeof placedJobSchema>;

export interface Run {
  readonly id: string;
  readonly workspace: WorkspaceRecord;
  readonly operation: string;
  readonly placed: PlacedJob;
  readonly createdAt: number;
}

export const queuedRow = ({ id, workspace, operation, placed, createdAt }: Run): TaskRecord => ({
  id,
  caller: workspace.caller,
  toolset: TOOLSET,
  operation,
  workspaceId: workspace.id,
  status: 'queued',
  sequence: null,
  worker: workspace.worker,
  epoch: workspace.epoch,
  job: toJsonObject(placed),
  progress: null,
  result: null,
  error: null,
  attempts: 0,
  createdAt,
  startedAt: null,
  completedAt: null,
});

/** The row of a run that ended while its caller waited; its job is not needed any more. */
export function finishedRow(run: Omit<Run, 'placed'>, ending: Ending, outcome: Outcome | undefined): TaskRecord {
  const { id, workspace, operation, createdAt } = run;
  return {
    id,
    caller: workspace.caller,
    toolset: TOOLSET,
    operation,
    workspaceId: workspace.id,
    sequence: outcome?.sequence ?? null,
    worker: workspace.worker,
    epoch: workspace.epoch,
    job: null,
    progress: null,
    result: null,
    error: null,
    attempts: 0,
    createdAt,
    startedAt: outcome?.startedAt ?? null,
    completedAt: outcome?.endedAt ?? Date.now(),
    ...rowOfEnding(ending),
  };
}
