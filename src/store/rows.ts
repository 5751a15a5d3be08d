/**
 * The durable records, as the hub sees them. Times are epoch milliseconds by the database's clock; ids are text;
 * structured values are already parsed. The tables behind them are in `schema.ts`.
 */
export type WorkspaceState = 'creating' | 'ready' | 'busy' | 'checkpointing' | 'draining' | 'stopped' | 'failed';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface WorkspaceRecord {
  readonly id: string;
  readonly caller: string;
  readonly name: string;
  readonly state: WorkspaceState;
  /** The worker that holds it, and the epoch of that hold; a claim raises the epoch. */
  readonly worker: string;
  readonly epoch: number;
  readonly generation: number;
  /** Key of the connection whose default workspace it is. */
  readonly connection: string | null;
  readonly engine: string;
  readonly image: string | null;
  /** Everything needed to open it again: limits, network, env, metadata. */
  readonly spec: JsonObject;
  readonly metadata: Record<string, string>;
  readonly ttlSeconds: number;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  readonly expiresAt: number;
}

export type TaskStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'interrupted';

export interface TaskRecord {
  readonly id: string;
  readonly caller: string;
  readonly toolset: string;
  readonly operation: string;
  readonly workspaceId: string | null;
  readonly status: TaskStatus;
  readonly sequence: number | null;
  /** The worker and epoch it was last sent to. */
  readonly worker: string | null;
  readonly epoch: number | null;
  /** What is needed to place it again while it has not started. */
  readonly job: JsonObject | null;
  readonly progress: JsonObject | null;
  /** The operation's output with its text, once completed. */
  readonly result: JsonObject | null;
  /** An ErrorShape, once failed. */
  readonly error: JsonObject | null;
  readonly attempts: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
}

export interface CheckpointRecord {
  readonly id: string;
  readonly caller: string;
  readonly workspaceId: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly fileCount: number;
  readonly sha256: string;
  /** Blob of the manifest, and of every pack that the manifest names. */
  readonly manifest: string;
  readonly packs: string[];
  readonly installedPackages: string[];
  /** The workspace's spec and metadata at that moment. */
  readonly spec: JsonObject;
  readonly metadata: Record<string, string>;
  readonly parentId: string | null;
  /** Taken without being asked for, to recover from; kept apart from those that a caller asked for. */
  readonly isAutomatic: boolean;
  /** Everything in the workspace's line up to this sequence is in it. */
  readonly sequence: number;
  readonly createdAt: number;
  /** Null while its workspace lives; 7 days after the workspace's end. */
  readonly expiresAt: number | null;
}

export interface ArtifactRecord {
  readonly id: string;
  readonly caller: string;
  readonly workspaceId: string;
  readonly taskId: string | null;
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly sha256: string;
  readonly labels: Record<string, string>;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

export interface EventRecord {
  readonly stream: string;
  readonly seq: number;
  readonly epoch: number;
  readonly type: string;
  readonly body: JsonObject;
  readonly time: number;
}

export interface WorkerRecord {
  readonly id: string;
  /** Differs at every start of the worker's process. */
  readonly boot: string;
  /** Machine and data directory: workers that share it can open each other's workspaces' files. */
  readonly site: string;
  readonly slots: number;
  readonly labels: Record<string, string>;
  readonly capabilities: JsonObject;
  readonly isDraining: boolean;
  readonly joinedAt: number;
  readonly leaseUntil: number;
}

/** A workspace that is to be made and waits for a slot. */
export interface WaitingRecord {
  /** That of the workspace. */
  readonly id: string;
  readonly caller: string;
  /** The hub at which it is wanted: without a lease of that, nobody waits any more. */
  readonly hub: string;
  /** Which a worker must have. */
  readonly labels: Record<string, string>;
}

/** A session that a client opened by `initialize` over HTTP. */
export interface ClientSessionRecord {
  readonly id: string;
  readonly caller: string;
  /** The connection that its calls come over. */
  readonly connection: string;
  /** How it was opened: enough to open it in the same way elsewhere. */
  readonly opening: JsonObject;
  readonly lastUsedAt: number;
}

export interface AuditRecord {
  readonly id: string;
  readonly caller: string;
  readonly operation: string;
  readonly handles: JsonObject;
  /** `ok`, or the error's code. */
  readonly outcome: string;
  readonly durationMs: number;
  readonly time: number;
  readonly details: JsonObject;
}
