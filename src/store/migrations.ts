import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { DialectName } from './database.ts';
import { createRecords } from './migrations/0001-records.ts';
import { addCallOwners } from './migrations/0002-call-owners.ts';
import { addAutomaticCheckpoints } from './migrations/0003-automatic-checkpoints.ts';
import { addWaiting } from './migrations/0003-waiting.ts';
import { addClientSessions } from './migrations/0004-client-sessions.ts';
import { addAgentSessions } from './migrations/0005-agent-sessions.ts';
import { addPollsAndParents } from './migrations/0006-polls-and-parents.ts';
import { addSessionUploads } from './migrations/0007-session-uploads.ts';
import { addTerminalHooks } from './migrations/0008-terminal-hooks.ts';
import { addPresence } from './migrations/0009-presence.ts';
import { addFleet } from './migrations/0010-fleet.ts';
import { addCodegen } from './migrations/0011-codegen.ts';
import { addSharing } from './migrations/0012-sharing.ts';
import { addApiTokens } from './migrations/0013-api-tokens.ts';
import { addSignIn } from './migrations/0014-sign-in.ts';
import { addBudgets } from './migrations/0015-budgets.ts';
import { addAuditQueries } from './migrations/0016-audit-queries.ts';
import { type Columns, columnsOf } from './migrations/columns.ts';

/** They run in order of their names; one that was released never changes. */
const STEPS: Readonly<Record<string, (db: Kysely<unknown>, columns: Columns) => Promise<void>>> = {
  '0001-records': createRecords,
  '0002-call-owners': addCallOwners,
  '0003-automatic-checkpoints': addAutomaticCheckpoints,
  '0003-waiting': addWaiting,
  '0004-client-sessions': addClientSessions,
  '0005-agent-sessions': addAgentSessions,
  '0006-polls-and-parents': addPollsAndParents,
  '0007-session-uploads': addSessionUploads,
  '0008-terminal-hooks': addTerminalHooks,
  '0009-presence': addPresence,
  '0010-fleet': addFleet,
  '0011-codegen': addCodegen,
  '0012-sharing': addSharing,
  '0013-api-tokens': addApiTokens,
  '0014-sign-in': addSignIn,
  '0015-budgets': addBudgets,
  '0016-audit-queries': addAuditQueries,
};

/** The migrations that this program knows, the oldest first. */
export const migrationNames = (): string[] => Object.keys(STEPS).sort();

/** Name of the newest migration that this program knows. */
export const schemaVersion = (): string => migrationNames().at(-1) ?? '';

/**
 * Brings the tables up to date. The caller sees to it that only one process does so at a time. Throws where the store was written by a
 * newer version, or a migration failed; that one is undone.
 */
export async function migrate<Tables>(db: Kysely<Tables>, dialect: DialectName): Promise<void> {
  const columns = columnsOf(dialect);
  const list = Object.fromEntries(
    Object.entries(STEPS).map(([name, step]): [string, Migration] => [name, { up: old => step(old, columns) }]),
  );
  const migrator = new Migrator({ db, provider: { getMigrations: async () => list } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const isNewer = error instanceof Error && error.message.includes('previously executed migration');
  throw isNewer
    ? new Error('the store was written by a newer version of this program', { cause: error })
    : new Error('the store could not be brought up to date', { cause: error });
}
