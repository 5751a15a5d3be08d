import { sql } from 'kysely';
import { createCallerStateStore } from './agents/caller-states.ts';
import { createFamilyStore } from './agents/family.ts';
import { createPermissionStore } from './agents/permissions.ts';
import { createAgentSessionStore } from './agents/sessions.ts';
import { createPresenceStore } from './agents/presence.ts';
import { createTerminalStore } from './agents/terminals.ts';
import { createTurnStore } from './agents/turns.ts';
import { createUploadStore } from './agents/uploads.ts';
import { createArtifactStore } from './work/artifacts.ts';
import { createAuditStore } from './audit/audit.ts';
import { createBudgetStore } from './budgets/budgets.ts';
import { createCheckpointStore } from './work/checkpoints.ts';
import type { Database } from './database.ts';
import { dump, load } from './dump.ts';
import { createEventStore } from './events/events.ts';
import { createApiTokenStore } from './credentials/api-tokens.ts';
import { createCodegenStore } from './codegen/runs.ts';
import { createFleetStore } from './fleet/fleet.ts';
import { createHubStore } from './placement/hubs.ts';
import { createIdempotencyStore } from './calls/idempotency.ts';
import { createPollPositionStore } from './events/poll-positions.ts';
import { checkRows } from './integrity.ts';
import { referencedBlobs } from './referenced-blobs.ts';
import { createClientSessionStore } from './calls/client-sessions.ts';
import { createShareStore } from './sharing/shares.ts';
import { createSignInStore } from './sign-in/records.ts';
import type { Store } from './store.ts';
import { createTaskStore } from './work/tasks.ts';
import { usedBytes } from './used-bytes.ts';
import { createWaitingStore } from './placement/waiting.ts';
import { createWorkerStore } from './placement/workers.ts';
import { createWorkspaceStore } from './placement/workspaces.ts';

/** The store over one opened database. */
export function assembleStore(db: Database): Store {
  const audit = createAuditStore(db);
  return {
    hubs: createHubStore(db),
    workers: createWorkerStore(db),
    waiting: createWaitingStore(db),
    workspaces: createWorkspaceStore(db),
    tasks: createTaskStore(db),
    checkpoints: createCheckpointStore(db),
    artifacts: createArtifactStore(db),
    events: createEventStore(db),
    pollPositions: createPollPositionStore(db),
    idempotency: createIdempotencyStore(db),
    clientSessions: createClientSessionStore(db),
    sessions: createAgentSessionStore(db),
    turns: createTurnStore(db),
    family: createFamilyStore(db),
    permissions: createPermissionStore(db),
    terminals: createTerminalStore(db),
    presence: createPresenceStore(db),
    callerStates: createCallerStateStore(db),
    uploads: createUploadStore(db),
    fleet: createFleetStore(db),
    codegen: createCodegenStore(db),
    budgets: createBudgetStore(db),
    apiTokens: createApiTokenStore(db),
    shares: createShareStore(db),
    signIn: createSignInStore(db),
    audit,
    async now() {
      const { rows } = await sql<{ now: number }>`select ${db.now} as now`.execute(db.kysely);
      const [row] = rows;
      if (!row) throw new Error('the database told no time');
      return row.now;
    },
    usedBytes: caller => usedBytes(db, caller),
    referencedBlobs: () => referencedBlobs(db),
    dump: work => dump(db, work),
    load: (rows, options) => load(db, rows, options),
    async checkIntegrity() {
      const { brokenAt } = await audit.verify();
      const broken = brokenAt === null ? [] : [`audit: the chain of records is broken at ${brokenAt}`];
      return [...(await db.checkFiles()), ...(await checkRows(db)), ...broken];
    },
    close: () => db.close(),
  };
}
