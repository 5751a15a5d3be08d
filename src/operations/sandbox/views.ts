import type { WorkspaceDetails, WorkspaceView } from '../../hub/hub.ts';
import type { ArtifactRecord, CheckpointRecord, TaskRecord } from '../../store/rows.ts';

/** Records as callers see them. Names are snake_case, times ISO 8601 with milliseconds. */
export const iso = (epochMs: number): string => new Date(epochMs).toISOString();
const isoOrNull = (epochMs: number | null): string | null => (epochMs === null ? null : iso(epochMs));

const POLL_INTERVAL_MS = 1000;

export function viewWorkspace(view: WorkspaceView) {
  const { record } = view;
  return {
    workspace_id: record.id,
    name: record.name,
    state: record.state,
    generation: record.generation,
    engine: record.engine,
    image: record.image,
    network: view.network,
    limits: { ...view.limits },
    worker_id: record.worker,
    metadata: record.metadata,
    is_default: record.connection !== null,
    active_tasks: view.activeTasks,
    last_checkpoint_id: view.lastCheckpointId,
    created_at: iso(record.createdAt),
    last_activity_at: iso(record.lastActivityAt),
    expires_at: iso(record.expiresAt),
  };
}

export function viewWorkspaceDetails(details: WorkspaceDetails) {
  return {
    ...viewWorkspace(details),
    usage: details.usage,
    checkpoints: details.checkpoints.slice(0, 10).map(viewCheckpoint),
    recent_tasks: details.recentTasks.slice(0, 20).map(viewTask),
    contexts: details.contexts,
  };
}

export function viewCheckpoint(record: CheckpointRecord) {
  return {
    checkpoint_id: record.id,
    workspace_id: record.workspaceId,
    name: record.name,
    size_bytes: record.sizeBytes,
    file_count: record.fileCount,
    sha256: record.sha256,
    installed_packages: record.installedPackages,
    parent_checkpoint_id: record.parentId,
    created_at: iso(record.createdAt),
  };
}

export function viewArtifact(record: ArtifactRecord) {
  return {
    artifact_id: record.id,
    name: record.name,
    path: record.path,
    size_bytes: record.sizeBytes,
    content_type: record.contentType,
    sha256: record.sha256,
    labels: record.labels,
    workspace_id: record.workspaceId,
    ...(record.taskId === null ? {} : { task_id: record.taskId }),
    created_at: iso(record.createdAt),
    download_url: `/api/artifacts/${record.id}/content`,
  };
}

export function viewTask(task: TaskRecord) {
  return {
    task_id: task.id,
    status: task.status,
    toolset: task.toolset,
    operation: task.operation,
    ...(task.workspaceId === null ? {} : { workspace_id: task.workspaceId }),
    sequence: task.sequence,
    message: `Task is ${task.status}`,
    progress: task.progress,
    created_at: iso(task.createdAt),
    started_at: isoOrNull(task.startedAt),
    completed_at: isoOrNull(task.completedAt),
    poll_interval_ms: POLL_INTERVAL_MS,
  };
}

/** The one line of JSON that stands for a task which has not ended. */
export function pendingLine(task: TaskRecord): string {
  return JSON.stringify({
    task_id: task.id,
    status: task.status,
    session_id: task.workspaceId,
    sequence: task.sequence,
    message: task.status === 'queued' ? `Task ${task.id} queued for execution` : `Task ${task.id} is running`,
    created_at: iso(task.createdAt),
  });
}
