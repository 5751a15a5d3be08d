import type { Page, PageQuery } from '../page.ts';
import type { JsonObject, WaitingRecord, WorkerRecord, WorkspaceRecord } from '../rows.ts';

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
