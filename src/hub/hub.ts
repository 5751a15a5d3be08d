import type { Caller } from '../auth/caller.ts';
import type { CallIds } from '../ids/call-ids.ts';
import type { Job, Outcome } from '../protocol/jobs.ts';
import type { FileRequest } from '../protocol/files.ts';
import type { Enforcement, LimitName, Limits } from '../protocol/workspace-spec.ts';
import type { Connection, Progress, Turn } from '../operations/operation.ts';
import type {
  ArtifactRecord,
  AuditRecord,
  CheckpointRecord,
  EventRecord,
  JsonObject,
  TaskRecord,
  WorkerRecord,
  WorkspaceRecord,
} from '../store/rows.ts';
import type { ApiTokenDesk } from './api-tokens.ts';
import type { Fleet } from './fleet/open-fleet.ts';
import type { Codegen } from './codegen/open-codegen.ts';
import type { Sessions } from './sessions/open-sessions.ts';
import type { CallerLimits } from './limits/caller-limits.ts';
import type { ShareDesk } from './sharing/share-desk.ts';
import type { AuditEntry, AuditQuery } from '../store/audit/store.ts';
import type { ClientSessionStore } from '../store/calls/store.ts';
import type { Page, PageQuery } from '../store/page.ts';

/** The control plane, as operations see it. Every method that takes a caller answers a foreign handle like an unknown one. */
export interface Hub {
  readonly workspaces: Workspaces;
  readonly runs: Runs;
  readonly tasks: Tasks;
  readonly checkpoints: Checkpoints;
  readonly artifacts: Artifacts;
  readonly events: Events;
  readonly audit: Audit;
  readonly idempotency: Idempotency;
  readonly lanes: Lanes;
  readonly workers: Workers;
  readonly clientSessions: ClientSessionStore;
  readonly shares: ShareDesk;
  readonly limits: Pick<CallerLimits, 'enter'>;
  readonly sessions: Sessions;
  readonly codegen: Codegen;
  readonly fleet: Fleet;
  readonly apiTokens: Pick<ApiTokenDesk, 'create' | 'list' | 'revoke' | 'callerOf' | 'onRevoked'>;
  readonly peers: Peers;
  readonly health: Health;
  close(): Promise<void>;
}

/** What an operation knows of the call it serves. */
export interface Call {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly connection?: Connection;
  readonly turn: Turn;
  readonly wantsTask: boolean;
  /** For what the call makes, where it has an idempotency key: what is there under these ids an earlier attempt has made. */
  readonly ids?: CallIds;
  report(progress: Progress): void;
}

export type NetworkPolicy = 'off' | 'registries' | { allow: string[] };

export interface WorkspaceRequest {
  readonly name?: string;
  readonly image?: string;
  readonly network: NetworkPolicy;
  readonly limits: Partial<Limits> & { allow_soft?: boolean };
  readonly ttlSeconds?: number;
  readonly env: Record<string, string>;
  readonly metadata: Record<string, string>;
  /** Which its worker must have. */
  readonly labels?: Record<string, string>;
}

/** A workspace as callers see it: the record joined with what its worker says now. */
export interface WorkspaceView {
  readonly record: WorkspaceRecord;
  readonly network: NetworkPolicy;
  readonly limits: Readonly<Record<LimitName, { value: number; enforcement: Enforcement }>>;
  readonly activeTasks: number;
  readonly lastCheckpointId: string | null;
}

export interface WorkspaceDetails extends WorkspaceView {
  readonly usage: { memory_bytes: number; disk_bytes: number; cpu_ms: number } | null;
  readonly contexts: { name: string; generation: number }[];
  readonly checkpoints: CheckpointRecord[];
  readonly recentTasks: TaskRecord[];
}

export interface Workspaces {
  create(request: WorkspaceRequest, call: Call): Promise<WorkspaceView>;
  /** `shared`: those that others share with the caller, instead of its own. */
  list(
    query: PageQuery & { state?: string; shared?: boolean },
    caller: Caller,
  ): Promise<Page<WorkspaceView> & { total: number }>;
  get(id: string, caller: Caller): Promise<WorkspaceDetails>;
  delete(id: string, caller: Caller): Promise<void>;
  /** Merges, or with `replace` replaces, the metadata. */
  setMetadata(
    id: string,
    metadata: Record<string, string>,
    options: { replace: boolean; caller: Caller },
  ): Promise<WorkspaceView>;
  /**
   * The workspace a call means: the one named; else the connection's default; else a fresh one where `mayCreate`; else
   * WORKSPACE_REQUIRED naming `tool`.
   */
  resolve(id: string | undefined, call: Call, options: { mayCreate: boolean; tool: string }): Promise<WorkspaceRecord>;
  /** The connection of this caller ended, at this hub or another: its default workspace goes with it. */
  connectionClosed(connection: Connection, caller: Pick<Caller, 'id'>): Promise<void>;
  /** Does a file request on the worker that holds the workspace. */
  file(workspace: WorkspaceRecord, request: FileRequest, call: Call): Promise<JsonObject>;
}

export interface RunRequest {
  readonly workspace: WorkspaceRecord;
  readonly operation: string;
  readonly job: Job;
  readonly waitSeconds: number;
  readonly idempotencyKey?: string;
  /**
   * Turns the job's output into the operation's output; done where the end is recorded, so that it also serves tasks whose
   * caller is gone. Must not throw. `text` is stored with it.
   */
  readonly render: RenderName;
}

/** Renderers are named, because a task outlives the closure that made it; see `operations/sandbox/renderers.ts`. */
export type RenderName = string;
export type Renderer = (
  outcome: Outcome,
  facts: { artifacts: ArtifactRecord[]; outputArtifacts: Record<string, ArtifactRecord> },
) => {
  output: JsonObject;
  text: string[];
};

export type RunAnswer =
  | { readonly state: 'ended'; readonly output: JsonObject; readonly text: string[]; readonly taskId?: string }
  | { readonly state: 'pending'; readonly task: TaskRecord; readonly stdout: string; readonly stderr: string };

export interface Runs {
  /** Runs a job in the workspace's line; failure is thrown as AppError; becomes a task after `waitSeconds`. */
  run(request: RunRequest, call: Call): Promise<RunAnswer>;
  registerRenderer(name: RenderName, renderer: Renderer): void;
}

export interface Tasks {
  get(id: string, caller: Caller): Promise<TaskRecord>;
  /** Waits until it has ended or `waitSeconds` are over. */
  wait(id: string, waitSeconds: number, call: Call): Promise<TaskRecord>;
  cancel(id: string, reason: string, caller: Caller): Promise<{ cancelled: boolean; task: TaskRecord }>;
  list(
    query: PageQuery & { status?: TaskRecord['status']; workspaceId?: string; toolset?: string },
    caller: Caller,
  ): Promise<Page<TaskRecord>>;
}

export interface Checkpoints {
  create(workspace: WorkspaceRecord, options: { name?: string }, call: Call): Promise<CheckpointRecord>;
  /** Into the workspace named, or into a new one. */
  restore(checkpointId: string, options: { workspaceId?: string }, call: Call): Promise<WorkspaceView>;
  fork(workspace: WorkspaceRecord, options: { count: number; name?: string }, call: Call): Promise<WorkspaceView[]>;
}

export interface Artifacts {
  list(workspace: WorkspaceRecord, query: PageQuery): Promise<Page<ArtifactRecord>>;
  /** By id, or by name within the workspace. */
  find(idOrName: string, workspaceId: string | undefined, call: Call): Promise<ArtifactRecord>;
  read(artifact: ArtifactRecord, range: { start: number; end: number }): Promise<Buffer>;
  add(
    workspace: WorkspaceRecord,
    content: { path: string } | { name: string; bytes: Buffer },
    /** `artifactId`: an id that was given out before the bytes came. */
    options: { contentType?: string; labels: Record<string, string>; artifactId?: string },
    call: Call,
  ): Promise<ArtifactRecord>;
}

export interface Events {
  append(stream: string, type: string, body: JsonObject): Promise<void>;
  /** Waits up to `waitMs` for something after `after`. */
  read(
    stream: string,
    options: { after: number; limit: number; waitMs: number; signal?: AbortSignal },
  ): Promise<EventRecord[]>;
  /** From `after` on, without end; ends with the signal. */
  follow(stream: string, options: { after: number; signal: AbortSignal }): AsyncIterable<EventRecord>;
}

export interface Audit {
  /** Throws AppError while records cannot be written: nothing is changed that would leave no trace. */
  admit(): void;
  /** Group-committed. Resolves when the record is durable; rejects when it was not written yet, and is kept and tried again. */
  record(entry: Omit<AuditRecord, 'id' | 'time'>): Promise<void>;
  /** For what nobody waits for: written within some 10 ms, together with what else comes in that time. */
  note(entry: Omit<AuditRecord, 'id' | 'time'>): void;
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
  verify(): Promise<{ records: number; brokenAt: string | null }>;
}

export interface Idempotency {
  /**
   * Runs `work` once per (caller, operation, key); a repeat gets the stored result. Without a key just runs it. When the process
   * that ran it is gone, a repeat runs it again: under a key the work makes what it makes with `ids`, and finds it there.
   */
  once<Result extends JsonObject>(
    key: { caller: Caller; operation: string; key?: string; args: unknown },
    work: (ids?: CallIds) => Promise<Result>,
  ): Promise<Result>;
}

export interface Lanes {
  /** Takes the next place in the line of `key`, synchronously. */
  take(key: string): Turn;
}

/** The other hubs. What is said here may be lost: for what saves time, and for what makes no sense later. */
export interface Peers {
  /** As far as is known here. */
  readonly hasOthers: boolean;
  tell(what: string, body: JsonObject): void;
  /** Answers of the others; who says nothing for a moment is left out. */
  ask(what: string, body: JsonObject): Promise<JsonObject[]>;
  /** Hears what others tell or ask; what the listener answers goes to who asked. One listener for each `what`. */
  hear(what: string, listener: (body: JsonObject) => Promise<JsonObject> | Promise<void> | JsonObject | void): void;
}

/** A worker as operators see it. */
export interface WorkerView {
  readonly record: WorkerRecord;
  /** `lost`: its lease ran out and it has not joined again. */
  readonly state: 'live' | 'draining' | 'lost';
  /** Workspaces that it holds. */
  readonly used: number;
  /** Epoch milliseconds by the database's clock. */
  readonly lastHeardAt: number;
  readonly leaseLeftSeconds: number;
}

export interface Workers {
  /** Those that have joined and were not lost since. */
  list(): Promise<WorkerRecord[]>;
  /** Those with a lease, and those that were lost within a day. */
  views(): Promise<WorkerView[]>;
  /** New workspaces that wait for a slot, at all hubs. */
  waiting(): Promise<number>;
  drain(id: string, isDraining: boolean): Promise<void>;
  /** Throws VALIDATION_ERROR for one that is live, unless `force`. */
  remove(id: string, options: { force: boolean }): Promise<void>;
}

/** A part of the hub, and how it is, in words. */
export interface Subsystem {
  readonly name: string;
  readonly healthy: boolean;
  readonly details: string;
}

export interface Health {
  look(): Promise<{
    version: string;
    uptimeSeconds: number;
    /** That are live, of all callers. */
    sessions: number;
    workers: number;
    mode: 'solo' | 'team' | 'cluster';
  }>;
  /** `repairs`: what was done by itself, or failed; the newest first. */
  details(): Promise<{
    subsystems: Subsystem[];
    repairs: readonly { readonly timestamp: number; readonly action: string; readonly details: string }[];
  }>;
}
