import type { PresenceStore } from './agents/presence.ts';
import type { TerminalStore } from './agents/terminals.ts';
import type {
  AgentSessionStore,
  CallerStateStore,
  FamilyStore,
  PermissionStore,
  TurnStore,
  UploadStore,
} from './agents/store.ts';
import type { BudgetStore } from './budgets/store.ts';
import type { DumpedRow, Snapshot } from './dump.ts';
import type { CodegenStore } from './codegen/rows.ts';
import type { ApiTokenStore } from './credentials/api-tokens.ts';
import type { FleetStore } from './fleet/store.ts';
import type { SignInStore } from './sign-in/store.ts';
import type { ShareStore } from './sharing/store.ts';
import type {
  ArtifactRecord,
  AuditRecord,
  CheckpointRecord,
  EventRecord,
  JsonObject,
  ClientSessionRecord,
  TaskRecord,
  TaskStatus,
  WaitingRecord,
  WorkerRecord,
  WorkspaceRecord,
} from './rows.ts';

/** A page of rows, newest first; `cursor` is opaque and exclusive. */
export interface Page<Row> {
  readonly rows: Row[];
  readonly nextCursor: string | null;
}

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/** The truth. Each method is one transaction; all are asynchronous. Same behaviour on SQLite and PostgreSQL. */
export interface Store {
  readonly hubs: HubStore;
  readonly workers: WorkerStore;
  readonly waiting: WaitingStore;
  readonly workspaces: WorkspaceStore;
  readonly tasks: TaskStore;
  readonly checkpoints: CheckpointStore;
  readonly artifacts: ArtifactStore;
  readonly events: EventStore;
  readonly pollPositions: PollPositionStore;
  readonly idempotency: IdempotencyStore;
  readonly clientSessions: ClientSessionStore;
  readonly sessions: AgentSessionStore;
  readonly turns: TurnStore;
  readonly family: FamilyStore;
  readonly permissions: PermissionStore;
  readonly terminals: TerminalStore;
  readonly presence: PresenceStore;
  readonly callerStates: CallerStateStore;
  readonly uploads: UploadStore;
  readonly fleet: FleetStore;
  readonly codegen: CodegenStore;
  readonly budgets: BudgetStore;
  readonly apiTokens: ApiTokenStore;
  readonly shares: ShareStore;
  readonly signIn: SignInStore;
  readonly audit: AuditStore;
  /** Epoch milliseconds by the database's clock. */
  now(): Promise<number>;
  /** What the artifacts, checkpoints and uploads of a caller take up. */
  usedBytes(caller: string): Promise<number>;
  /** Every blob hash that some row still names: what a sweep keeps. */
  referencedBlobs(): Promise<Set<string>>;
  /** Runs `work` on all records as they are at one moment; it must not use the store otherwise meanwhile. */
  dump<Result>(work: (snapshot: Snapshot) => Promise<Result>): Promise<Result>;
  /** Writes dumped rows: all, or none. Throws NotEmpty when there are records already that are not to be replaced. */
  load(rows: AsyncIterable<DumpedRow>, options: { replaces: boolean }): Promise<Map<string, number>>;
  /** Empty when all is well; else what is wrong, a line each. */
  checkIntegrity(): Promise<string[]>;
  close(): Promise<void>;
}

/** Which hubs are alive. */
export interface HubStore {
  /** Takes or renews the lease of this hub. */
  beat(id: string, leaseSeconds: number): Promise<void>;
  /** It is gone: what it owned may be taken over at once. */
  leave(id: string): Promise<void>;
  /** Removes the hubs whose lease ran out; how many there were. */
  reap(): Promise<number>;
  /** Ids of those with a live lease. */
  live(): Promise<string[]>;
}

export interface WorkerStore {
  /** Takes or renews the lease of (worker, boot); an older boot of the same worker loses its lease. */
  join(worker: Omit<WorkerRecord, 'joinedAt' | 'leaseUntil'>, leaseSeconds: number): Promise<void>;
  /**
   * Renews; answers the ids whose row is still there. A lease that ran out counts until it is reaped: while the store was away
   * nobody could take anything over. The others must join again.
   */
  beat(live: readonly { id: string; boot: string }[], leaseSeconds: number): Promise<Set<string>>;
  leave(id: string, boot: string): Promise<void>;
  setDraining(id: string, isDraining: boolean): Promise<boolean>;
  /** What a live boot of a worker says of itself anew; false when it is not live. */
  change(live: { id: string; boot: string }, patch: Partial<Pick<WorkerRecord, 'slots' | 'labels'>>): Promise<boolean>;
  /** Makes this hub the one that empties a draining worker, unless another hub with a live lease is. */
  takeDrain(id: string, hub: string): Promise<boolean>;
  list(options: { liveOnly: boolean }): Promise<WorkerRecord[]>;
  /** Those that were reaped within a day and have not joined again. */
  lost(): Promise<WorkerRecord[]>;
  /**
   * Workers whose lease had run out at `asOf`, a time by the database's clock: each is answered once, to one hub. A statement that
   * was held up, as by a store that was away, so does not count that time against them.
   */
  reap(asOf: number): Promise<WorkerRecord[]>;
  /** The boots of those that were not reaped, and until when their leases last: what they hold is theirs, also when that time is past. */
  holding(): Promise<Map<string, { boot: string; leaseUntil: number }>>;
  /** Workspaces held per live worker. */
  slotsUsed(): Promise<Map<string, number>>;
}

export interface WaitingStore {
  /** Puts a workspace at the end of the line, unless the line is full, or that of its caller. Again: it keeps its place. */
  enter(
    request: WaitingRecord,
    caps: { total: number; perCaller: number },
  ): Promise<'entered' | 'full' | 'full for caller'>;
  leave(ids: readonly string[]): Promise<void>;
  /** All that wait at live hubs, the oldest first, and how many workspaces on live workers their callers have. */
  line(): Promise<{ waiting: WaitingRecord[]; held: Map<string, number> }>;
}

export interface WorkspaceStore {
  /**
   * Inserts, unless the worker's slots are all taken, or one is there already: of this id, or a connection's default workspace.
   * Counting and inserting are one transaction, so no more than `slots` ever exist. `seen`: stale when more are taken by now
   * than whoever chose the worker saw. Whatever is inserted waits no more. Throws CAPACITY_EXCEEDED when its caller has `perCaller`
   * already.
   */
  insert(
    workspace: Omit<WorkspaceRecord, 'createdAt' | 'lastActivityAt' | 'expiresAt'>,
    options: { slots: number; seen?: number; perCaller?: number },
  ): Promise<{ inserted: WorkspaceRecord } | { full: true } | { stale: true } | { existing: WorkspaceRecord }>;
  get(id: string): Promise<WorkspaceRecord | undefined>;
  findDefault(caller: string, connection: string): Promise<WorkspaceRecord | undefined>;
  /** Newest first, without those that are being deleted. */
  list(query: PageQuery & { caller: string; state?: string }): Promise<Page<WorkspaceRecord> & { total: number }>;
  /** Changes the given columns where worker and epoch still hold; false when fenced or gone. */
  update(
    id: string,
    holder: { worker: string; epoch: number } | 'any',
    patch: Partial<Pick<WorkspaceRecord, 'state' | 'generation' | 'name' | 'spec' | 'metadata' | 'engine'>>,
  ): Promise<boolean>;
  /** Sets last activity to now and the expiry to now + its ttl. Batched by the caller. */
  touch(ids: readonly string[]): Promise<void>;
  /** Gives it to another worker, with a new spec where one is given, and raises the epoch. Undefined when the epoch moved on meanwhile. */
  claim(
    id: string,
    from: { epoch: number },
    to: { worker: string; spec?: JsonObject },
  ): Promise<WorkspaceRecord | undefined>;
  /** Removes the row, if it has the epoch, where one is given; its artifacts and checkpoints get an expiry 7 days ahead. */
  delete(id: string, at?: { epoch: number }): Promise<boolean>;
  heldBy(worker: string): Promise<WorkspaceRecord[]>;
  /** Those whose time is over, and those that are being deleted. */
  expired(): Promise<WorkspaceRecord[]>;
}

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

export type AppendOutcome = { ack: number } | { fenced: true } | { gap: number };

export interface EventStore {
  /**
   * Appends to a stream at `first`; `first: 'next'` for streams whose only writer is the hub. Resending is harmless, a
   * gap is refused, an old epoch is fenced.
   */
  append(batch: {
    stream: string;
    epoch: number;
    first: number | 'next';
    events: readonly { type: string; body: JsonObject }[];
  }): Promise<AppendOutcome>;
  read(stream: string, after: number, limit: number): Promise<EventRecord[]>;
  /** Events of many streams, range after range in one statement; what is kept no more is left out. */
  readRanges(ranges: readonly EventRange[]): Promise<EventRecord[]>;
  lastSeq(stream: string): Promise<number>;
  /** The positions of the oldest event that is kept, and of the last; `first` is `last + 1` where none is. */
  span(stream: string): Promise<{ first: number; last: number }>;
  /** The last position older than that time; 0: none that is kept. Slow when much came after it. */
  before(stream: string, time: number): Promise<number>;
  /** Positions at which turns of a session ended, the newest first. */
  turnEnds(stream: string, limit: number): Promise<number[]>;
  /** Removes events older than this, those of sessions only when they are older than `sessionsBefore`; readers behind see a gap. */
  prune(before: number, options?: { sessionsBefore?: number }): Promise<number>;
}

/** From `first` to `last`, both included. */
export interface EventRange {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
}

/** How far one connection has polled something. */
export interface PollPosition {
  readonly seq: number;
  /** Events of the range after it that were read already, in a feed. */
  readonly offset: number;
}

/** What connections remember between polls, so that each goes on where its last one ended, whichever hub it meets. */
export interface PollPositionStore {
  /** The connection begins now. */
  begin(connection: string): Promise<void>;
  /** Where the last poll of these filters ended; else when the connection began; undefined for one that never did. */
  get(connection: string, filters: string): Promise<PollPosition | { readonly since: number } | undefined>;
  /** `isForward`: never back behind where another poll has got meanwhile. Of each connection the newest are kept. */
  set(connection: string, poll: { filters: string; isForward: boolean } & PollPosition): Promise<void>;
  end(connection: string): Promise<void>;
  /** Forgets what was not used since; the number of positions. */
  prune(before: number): Promise<number>;
}

export type IdempotencyAnswer =
  /** This hub is to make the call, the first time or once more: the nonce is the same in every attempt. */
  | { state: 'fresh'; nonce: string }
  | { state: 'pending' }
  | { state: 'done'; result: JsonObject }
  | { state: 'conflict' };

export interface IdempotencyKey {
  readonly caller: string;
  readonly operation: string;
  readonly key: string;
}

export interface IdempotencyStore {
  /**
   * Remembers (caller, operation, key) for 24 h. `argsHash` decides between replay and conflict. The call belongs to `owner`,
   * a hub, until it is done or that hub has no lease any more; then whoever begins it next takes it over.
   */
  begin(call: IdempotencyKey & { argsHash: string; owner: string }): Promise<IdempotencyAnswer>;
  /** The first result stays. */
  finish(key: IdempotencyKey, result: JsonObject): Promise<void>;
  /** The call failed and left nothing: the key is free again, unless another hub has taken the call over. */
  forget(key: IdempotencyKey, options: { owner: string }): Promise<void>;
  /** The call failed and may have left something: whoever begins it next goes on with it, under the same nonce. */
  release(key: IdempotencyKey, options: { owner: string }): Promise<void>;
  prune(): Promise<number>;
}

export interface ClientSessionStore {
  /** Inserts, and ends the sessions of this caller beyond `maxPerCaller`, those unused longest: they are answered. */
  insert(
    session: Omit<ClientSessionRecord, 'lastUsedAt'>,
    options: { maxPerCaller: number },
  ): Promise<ClientSessionRecord[]>;
  get(id: string): Promise<ClientSessionRecord | undefined>;
  touch(ids: readonly string[]): Promise<void>;
  /** False when it had ended already. */
  end(id: string): Promise<boolean>;
  /** Ends what was not used for so long; of several hubs, each session is answered to one. */
  endUnused(seconds: number): Promise<ClientSessionRecord[]>;
}

/** A record in its place in the chain. */
export interface AuditEntry extends AuditRecord {
  /** From 1; no number is left out. */
  readonly seq: number;
  readonly hash: string;
}

export interface AuditQuery extends PageQuery {
  readonly caller?: string;
  readonly operation?: string;
  /** Of any kind. */
  readonly handle?: string;
  readonly outcome?: string;
  /** Epoch milliseconds. */
  readonly since?: number;
  /** Epoch milliseconds, exclusive. */
  readonly until?: number;
  /** Default: newest. */
  readonly order?: 'newest' | 'oldest';
}

export interface AuditStore {
  /** Appends to the hash chain, in order, in one transaction. */
  append(records: readonly AuditRecord[]): Promise<void>;
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
  /** Walks the chain; the id of the first record that does not fit, or null. */
  verify(): Promise<{ records: number; brokenAt: string | null }>;
  /** Removes the oldest records, up to the first from `before` (epoch milliseconds) on; the chain goes on from there. */
  prune(before: number): Promise<number>;
}
