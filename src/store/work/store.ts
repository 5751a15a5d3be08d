import type { Page, PageQuery } from '../page.ts';
import type { ArtifactRecord, CheckpointRecord, JsonObject, TaskRecord, TaskStatus } from '../rows.ts';

/** A task to be inserted; unless it says when it was made, it is made now. */
export type NewTask = Omit<TaskRecord, 'createdAt'> & { readonly createdAt?: number };

export interface TaskStore {
  /** Throws CAPACITY_EXCEEDED when `perCaller` of its caller have not ended. */
  insert(task: NewTask, options?: { perCaller?: number }): Promise<TaskRecord>;
  get(id: string): Promise<TaskRecord | undefined>;
  /** One legal step of queued -> running -> ended; false (and nothing changed) where the step is not legal. */
  start(id: string, at: { worker: string; epoch: number; sequence: number }): Promise<boolean>;
  finish(
    id: string,
    end: {
      status: Exclude<TaskStatus, 'queued' | 'running'>;
      result?: JsonObject;
      error?: JsonObject;
      sequence?: number;
      /** Left as it is once it has started. */
      onlyIfQueued?: boolean;
      /** Appended in the same transaction, to streams that only hubs write; not when the task had ended before. */
      announce?: readonly { stream: string; type: string; body: JsonObject }[];
    },
  ): Promise<boolean>;
  update(
    id: string,
    patch: Partial<Pick<TaskRecord, 'progress' | 'sequence' | 'worker' | 'epoch' | 'attempts'>>,
  ): Promise<void>;
  /** Many finished rows at once: runs that ended before they had to become a task. */
  insertFinished(tasks: readonly TaskRecord[]): Promise<void>;
  list(
    query: PageQuery & {
      caller: string;
      toolsets?: readonly string[];
      status?: TaskStatus;
      workspaceId?: string;
      toolset?: string;
    },
  ): Promise<Page<TaskRecord>>;
  /** Unfinished tasks of a workspace, or of all, in order of acceptance. */
  unfinished(workspaceId?: string): Promise<TaskRecord[]>;
  /** Those of a toolset whose tasks belong to no workspace, in the order in which they came. */
  unfinishedOf(toolset: string): Promise<TaskRecord[]>;
  /** One that was started, and of which it is certain that it had no effect, waits again. */
  putBack(id: string): Promise<boolean>;
  countUnfinished(): Promise<number>;
  /** Of those that have not ended. */
  countByStatus(): Promise<{ queued: number; running: number }>;
  lastSequence(workspaceId: string): Promise<number>;
  /** Removes ended tasks older than this. */
  prune(endedBefore: number): Promise<number>;
}

export type NewCheckpoint = Omit<CheckpointRecord, 'createdAt' | 'expiresAt'>;

export interface CheckpointStore {
  /** Inserts and drops the oldest of its kind, automatic or not, beyond `keep`; one of this id that is there already stays as it is and is answered. */
  insert(checkpoint: NewCheckpoint, options: { keep: number }): Promise<CheckpointRecord>;
  /** The same, unless the holder holds the workspace no longer: then undefined. */
  insertHeld(
    checkpoint: NewCheckpoint,
    options: { keep: number; holder: { worker: string; epoch: number } },
  ): Promise<CheckpointRecord | undefined>;
  get(id: string): Promise<CheckpointRecord | undefined>;
  /** Newest first: those that were asked for, or all. */
  list(workspaceId: string, limit: number, options?: { withAutomatic?: boolean }): Promise<CheckpointRecord[]>;
  prune(): Promise<number>;
}

export interface ArtifactStore {
  /** Throws CAPACITY_EXCEEDED when more than `mostBytes` of their caller would be kept. */
  insert(
    artifacts: readonly Omit<ArtifactRecord, 'createdAt' | 'expiresAt'>[],
    options?: { mostBytes?: number },
  ): Promise<ArtifactRecord[]>;
  get(id: string): Promise<ArtifactRecord | undefined>;
  /** The newest with this exact path in the workspace, else the newest with this file name. */
  findByName(workspaceId: string, name: string): Promise<ArtifactRecord | undefined>;
  /** The newest of each path. */
  list(query: PageQuery & { workspaceId: string }): Promise<Page<ArtifactRecord>>;
  prune(): Promise<number>;
}
