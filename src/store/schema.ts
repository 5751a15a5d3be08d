import type { Generated } from 'kysely';

/**
 * The tables, alike on SQLite and PostgreSQL: ids are text, times are epoch milliseconds, structured values are JSON as
 * text, booleans are 0 or 1. `ordinal` numbers rows in order of insertion, which times cannot: several fall into one
 * millisecond.
 */
export interface Schema {
  hub: HubTable;
  worker: WorkerTable;
  waiting: WaitingTable;
  workspace: WorkspaceTable;
  task: TaskTable;
  checkpoint: CheckpointTable;
  artifact: ArtifactTable;
  stream: StreamTable;
  event: EventTable;
  poll_position: PollPositionTable;
  idempotency: IdempotencyTable;
  client_session: ClientSessionTable;
  session: AgentSessionTable;
  turn: TurnTable;
  permission: PermissionTable;
  hook_token: HookTokenTable;
  terminal: TerminalTable;
  presence: PresenceTable;
  mirror: MirrorTable;
  caller_state: CallerStateTable;
  session_upload: SessionUploadTable;
  codegen_run: CodegenRunTable;
  fleet_watch: FleetWatchTable;
  fleet_look: FleetLookTable;
  fleet_change: FleetChangeTable;
  budget_place: BudgetPlaceTable;
  budget_pause: BudgetPauseTable;
  api_token: ApiTokenTable;
  share: ShareTable;
  auth_user: AuthUserTable;
  auth_record: AuthRecordTable;
  audit: AuditTable;
  audit_head: AuditHeadTable;
  audit_anchor: AuditHeadTable;
}

export interface HubTable {
  id: string;
  lease_until: number;
}

export interface WorkerTable {
  id: string;
  boot: string;
  site: string;
  slots: number;
  labels: string;
  capabilities: string;
  is_draining: number;
  /** The hub that moves its workspaces elsewhere. */
  drained_by: string | null;
  joined_at: number;
  lease_until: number;
  /** Some hub has taken care of its end. */
  is_reaped: Generated<number>;
}

/** A workspace that is to be made and has no slot yet. */
export interface WaitingTable {
  ordinal: Generated<number>;
  /** That of the workspace. */
  id: string;
  caller: string;
  /** The hub at which it is wanted. */
  hub: string;
  labels: string;
}

export interface WorkspaceTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  name: string;
  state: string;
  worker: string;
  epoch: number;
  generation: number;
  connection: string | null;
  engine: string;
  image: string | null;
  spec: string;
  metadata: string;
  ttl_seconds: number;
  created_at: number;
  last_activity_at: number;
  expires_at: number;
}

export interface TaskTable {
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

export interface CheckpointTable {
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

export interface ArtifactTable {
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

/** What is known of a stream apart from its events, which may be pruned. */
export interface StreamTable {
  stream: string;
  /** The highest epoch that ever appended. */
  epoch: number;
  last_seq: number;
  updated_at: number;
}

export interface EventTable {
  stream: string;
  seq: number;
  epoch: number;
  type: string;
  body: string;
  time: number;
}

/** How far a connection has polled; the row without filters says since when it is there. */
export interface PollPositionTable {
  connection: string;
  filters: string;
  seq: number;
  part: number;
  updated_at: number;
}

export interface IdempotencyTable {
  caller: string;
  operation: string;
  key: string;
  args_hash: string;
  /** Null while the call runs. */
  result: string | null;
  /** The hub that runs it. */
  owner: string | null;
  /** What makes the ids of this call's things unguessable; every attempt at it has the same. */
  nonce: string;
  expires_at: number;
}

export interface ClientSessionTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  connection: string;
  opening: string;
  last_used_at: number;
}

/** A session with a coding agent. */
export interface AgentSessionTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  agent: string;
  agent_session_id: string | null;
  worker: string;
  epoch: number;
  workspace_id: string | null;
  slug: string;
  cwd: string;
  title: string;
  model: string | null;
  permission_mode: string;
  status: string;
  status_reason: string | null;
  parent_id: string | null;
  forked_from: string | null;
  at_message_id: string | null;
  usage: string;
  message_count: number;
  metadata: string;
  /** Events that its worker has told in this epoch. */
  reported: number;
  /** The epoch of which its parent knows that it ended. */
  told_epoch: Generated<number>;
  created_at: number;
  updated_at: number;
  last_message_at: number | null;
}

/** A prompt that was accepted, and what became of it. */
export interface TurnTable {
  ordinal: Generated<number>;
  id: string;
  session_id: string;
  caller: string;
  state: string;
  prompt: string;
  epoch: number | null;
  result: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  expires_at: number | null;
  /** What the parent of its session is still to hear of its end: 0: of it, 1: its prompt, 2: nothing; null: there is no parent. */
  notice: Generated<number | null>;
}

/** What an agent asked leave for. */
export interface PermissionTable {
  ordinal: Generated<number>;
  id: string;
  session_id: string;
  caller: string;
  worker: string;
  epoch: number;
  source: string;
  tool_name: string;
  description: string;
  input: string;
  remember: string;
  state: string;
  answer: string | null;
  is_delivered: number;
  created_at: number;
  expires_at: number;
  resolved_at: number | null;
}

/** What hooks of terminals show: the token itself is not kept. */
export interface HookTokenTable {
  hash: string;
  caller: string;
  created_at: number;
}

/** Sessions in terminals whose hooks reach this installation. */
export interface TerminalTable {
  agent_session_id: string;
  caller: string;
  heard_at: number;
}

/** What each worker told last of sessions that users have open in terminals. */
export interface PresenceTable {
  worker: string;
  open: string;
  told_at: number;
}

/** How far transcripts that others write were told as events; `is_open`: a turn that was told of has not ended. */
export interface MirrorTable {
  session_id: string;
  position: string;
  is_open: number;
}

export interface CallerStateTable {
  caller: string;
  version: number;
  state: string;
}

/** A file for prompts. */
export interface SessionUploadTable {
  ordinal: Generated<number>;
  id: string;
  caller: string;
  session_id: string;
  name: string;
  content_type: string;
  sha256: string;
  size_bytes: number;
  created_at: number;
}

/** What a task of Codegen stands for. */
export interface CodegenRunTable {
  ordinal: Generated<number>;
  /** That of the task. */
  id: string;
  caller: string;
  owner: string;
  run_id: number | null;
  orchestrator_run_id: number | null;
  body: string;
  delivery_state: string | null;
  delivery_at: number | null;
  delivery_error: string | null;
  delivery_task: string | null;
  created_at: number;
  ended_at: number | null;
}

/** One row: which hub watches the fleet, and when somebody read of it last. */
export interface FleetWatchTable {
  name: string;
  hub: string;
  lease_until: number;
  read_at: number | null;
  is_over: number;
}

/** How the agents of a provider looked last. */
export interface FleetLookTable {
  provider: string;
  agents: string;
}

/** A request to a service of others that counts in one of its windows. */
export interface BudgetPlaceTable {
  /** Whose budget it is, by a hash. */
  budget: string;
  budget_window: string;
  place: string;
  /** Of the window. */
  per_ms: number;
  is_settled: number;
  free_at: number;
}

/** The service has asked to be left alone. */
export interface BudgetPauseTable {
  budget: string;
  budget_window: string;
  paused_until: number;
}

/** The last change that a caller made to an agent. */
export interface FleetChangeTable {
  agent: string;
  caller: string;
  operation: string;
  changed_at: number;
}

/** What one caller lets others use. */
export interface ShareTable {
  ordinal: Generated<number>;
  id: string;
  kind: string;
  target: string;
  owner: string;
  grantee_kind: string;
  grantee: string;
  access: string;
  created_at: number;
}

/** Somebody who may sign in at the built-in authorization server. */
export interface AuthUserTable {
  name: string;
  password: string;
  scopes: string;
  teams: string;
  is_locked: number;
  failures: number;
  blocked_until: number;
  created_at: number;
  signed_in_at: number | null;
}

/** What that server remembers, of every kind. */
export interface AuthRecordTable {
  kind: string;
  id: string;
  payload: string;
  grant_id: string | null;
  uid: string | null;
  account: string | null;
  consumed_at: number | null;
  expires_at: number | null;
}

/** What callers made for their scripts. */
export interface ApiTokenTable {
  ordinal: Generated<number>;
  id: string;
  hash: string;
  caller: string;
  caller_name: string | null;
  name: string;
  scopes: string;
  teams: string;
  created_at: number;
  expires_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface AuditTable {
  seq: number;
  id: string;
  caller: string;
  operation: string;
  handles: string;
  outcome: string;
  duration_ms: number;
  time: number;
  details: string;
  hash: string;
}

/** One row: the end of the chain, so that records cut off from its end are missed too; or the last record that was removed for its age. */
export interface AuditHeadTable {
  one: number;
  seq: number;
  hash: string;
}
