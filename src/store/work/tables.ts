import type { Generated } from 'kysely';

/** What calls have made in workspaces. */
export interface WorkTables {
  task: TaskTable;
  checkpoint: CheckpointTable;
  artifact: ArtifactTable;
}

interface TaskTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  toolset: string;
  operation: string;
  workspace_id: string | null;
  status: string;
  sequence: number | null;
  worker: string | null;
  epoch: number | null;
  job: string | null;
  progress: string | null;
  result: string | null;
  error: string | null;
  attempts: number;
  created_at: number;
  started_at: number | null;
  completed_at: number | null;
}

interface CheckpointTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  workspace_id: string;
  name: string;
  size_bytes: number;
  file_count: number;
  sha256: string;
  manifest: string;
  packs: string;
  installed_packages: string;
  spec: string;
  metadata: string;
  parent_id: string | null;
  is_automatic: number;
  sequence: number;
  created_at: number;
  expires_at: number | null;
}

interface ArtifactTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  workspace_id: string;
  task_id: string | null;
  name: string;
  path: string;
  size_bytes: number;
  content_type: string;
  sha256: string;
  labels: string;
  created_at: number;
  expires_at: number | null;
}
