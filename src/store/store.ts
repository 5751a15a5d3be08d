import type { PresenceStore } from './agents/presence.ts';
import type {
  AgentSessionStore,
  CallerStateStore,
  FamilyStore,
  PermissionStore,
  TurnStore,
  UploadStore,
} from './agents/store.ts';
import type { TerminalStore } from './agents/terminals.ts';
import type { AuditStore } from './audit/store.ts';
import type { BudgetStore } from './budgets/store.ts';
import type { IdempotencyStore, ClientSessionStore } from './calls/store.ts';
import type { CodegenStore } from './codegen/rows.ts';
import type { ApiTokenStore } from './credentials/api-tokens.ts';
import type { DumpedRow, Snapshot } from './dump.ts';
import type { EventStore, PollPositionStore } from './events/store.ts';
import type { FleetStore } from './fleet/store.ts';
import type { HubStore, WorkerStore, WaitingStore, WorkspaceStore } from './placement/store.ts';
import type { ShareStore } from './sharing/store.ts';
import type { SignInStore } from './sign-in/store.ts';
import type { TaskStore, CheckpointStore, ArtifactStore } from './work/store.ts';

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
