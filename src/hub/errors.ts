import { AppError } from '../errors/app-error.ts';
import { unavailable } from '../errors/unavailable.ts';
import { NobodyThere } from '../fabric/fabric.ts';

/** For whoever it is shared with; anybody else hears that there is no such workspace. */
export const notYoursToDelete = (id: string): AppError =>
  new AppError('POLICY_DENIED', `workspace ${id} is shared with you, and only its owner deletes it`, {
    hint: 'ask its owner, or work in a copy: workspace_fork',
  });

/** Unknown, deleted and foreign handles must not differ in a single letter, so each has one place that words it. */
export const workspaceNotFound = (id: string): AppError =>
  new AppError('WORKSPACE_NOT_FOUND', `Workspace not found: ${id}`);
export const taskNotFound = (id: string): AppError => new AppError('TASK_NOT_FOUND', `Task not found: ${id}`);
export const artifactNotFound = (id: string): AppError =>
  new AppError('ARTIFACT_NOT_FOUND', `Artifact not found: ${id}`);
export const checkpointNotFound = (id: string): AppError =>
  new AppError('CHECKPOINT_NOT_FOUND', `Checkpoint not found: ${id}`);
export const workerNotFound = (id: string): AppError =>
  new AppError('NOT_FOUND', `Worker not found: ${id}`, { hint: 'call GET /api/workers to see them' });

export const workerIsLive = (id: string, workspaces: number): AppError =>
  new AppError('VALIDATION_ERROR', `worker ${id} is live and holds ${workspaces} workspaces, so it is not removed`, {
    hint: 'drain it and stop its process, which removes it; or remove it with force, and its workspaces are placed elsewhere',
    details: { worker_id: id, workspaces },
  });

export const noWorker = (reason: string, cause?: unknown): AppError =>
  new AppError('NO_WORKER_AVAILABLE', 'no workers available to handle request', { details: { reason }, cause });

export const noWorkerWith = (labels: Readonly<Record<string, string>>): AppError => {
  const wanted = Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
  return new AppError('NO_WORKER_AVAILABLE', 'no workers available to handle request', {
    hint: `no live worker has the labels ${wanted}: start one that has them, or ask for others`,
    details: { reason: 'no_such_labels', labels: { ...labels } },
  });
};

/** It is known what is wrong, and that it passes. */
export const changingHands = (reason: string, cause?: unknown): AppError =>
  new AppError('NO_WORKER_AVAILABLE', 'no workers available to handle request', {
    hint: 'call again: the worker of the workspace is being waited for, or the workspace given to another one',
    details: { reason, retry_after_seconds: 2 },
    cause,
  });

export const workerLost = (): AppError =>
  new AppError('SANDBOX_DIED', 'the worker that held the workspace is gone', { details: { reason: 'engine_lost' } });

export const taskCancelled = (id: string, reason: string): AppError =>
  new AppError('TASK_CANCELLED', `Task ${id} was cancelled`, { details: { task_id: id, reason } });

export const taskInterrupted = (id: string): AppError =>
  new AppError('TASK_INTERRUPTED', `Task ${id} was interrupted: its start was recorded and its end was not`, {
    details: { task_id: id },
  });

/** Whatever was thrown, as an error that may be stored and shown. */
export const asAppError = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : (unavailable(error) ??
      new AppError('INTERNAL_ERROR', 'internal error, see the log of the hub', { cause: error }));

/** The request was not taken: nobody serves that worker's address, or it has heard no hub and must not work. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof AppError &&
  error.code === 'NO_WORKER_AVAILABLE' &&
  (error.cause instanceof NobodyThere || error.details.reason === 'fenced');
