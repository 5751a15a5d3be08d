import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { addAuditQueries } from './audit/migration.ts';
import { addBudgets } from './budgets/migration.ts';
import { addCodegen } from './codegen/migration.ts';
import { addApiTokens } from './credentials/migration.ts';
import { addFleet } from './fleet/migration.ts';
import { addSharing } from './sharing/migration.ts';
import { addSignIn } from './sign-in/migration.ts';

export type DialectName = 'sqlite' | 'postgres';

/** In order of their names; one that was released never changes. */
const migrations = (dialect: DialectName): Record<string, Migration> => ({
  '0001-records': { up: db => createRecords(db, dialect) },
  '0002-call-owners': { up: db => addCallOwners(db, dialect) },
  '0003-automatic-checkpoints': { up: addAutomaticCheckpoints },
  '0003-waiting': { up: db => addWaiting(db, dialect) },
  '0004-client-sessions': { up: db => addClientSessions(db, dialect) },
  '0005-agent-sessions': { up: db => addAgentSessions(db, dialect) },
  '0006-polls-and-parents': { up: db => addPollsAndParents(db, dialect) },
  '0007-session-uploads': { up: db => addSessionUploads(db, dialect) },
  '0008-terminal-hooks': { up: db => addTerminalHooks(db, dialect) },
  '0009-presence': { up: db => addPresence(db, dialect) },
  '0010-fleet': { up: db => addFleet(db, textOf(dialect)) },
  '0011-codegen': { up: db => addCodegen(db, { text: textOf(dialect), dialect }) },
  '0012-sharing': { up: db => addSharing(db, { text: textOf(dialect), dialect }) },
  '0013-api-tokens': { up: db => addApiTokens(db, { text: textOf(dialect), dialect }) },
  '0014-sign-in': { up: db => addSignIn(db, textOf(dialect)) },
  '0015-budgets': { up: db => addBudgets(db, textOf(dialect)) },
  '0016-audit-queries': { up: db => addAuditQueries(db, textOf(dialect)) },
});

/** The migrations that this program knows, the oldest first. */
export const migrationNames = (dialect: DialectName): string[] => Object.keys(migrations(dialect)).sort();

/** Name of the newest migration that this program knows. */
export const schemaVersion = (dialect: DialectName): string => migrationNames(dialect).at(-1) ?? '';

/** Brings the tables up to date. The caller sees to it that only one process does so at a time. */
export async function migrate<Tables>(db: Kysely<Tables>, dialect: DialectName): Promise<void> {
  const list = migrations(dialect);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => list } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const isNewer = error instanceof Error && error.message.includes('previously executed migration');
  throw isNewer
    ? new Error('the store was written by a newer version of this program', { cause: error })
    : new Error('the store could not be brought up to date', { cause: error });
}

/** The first version. Numbers are 64 bits wide on both; SQLite's `integer primary key` is the row's own number. */
async function createRecords(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  const ordinal = dialect === 'sqlite' ? sql`integer` : sql`bigserial`;

  const table = (
    name: string,
    texts: string[],
    numbers: string[],
    nullable: { texts?: string[]; numbers?: string[] } = {},
  ) => {
    let builder: CreateTableBuilder<string, string> = db.schema.createTable(name);
    for (const column of texts) builder = builder.addColumn(column, text, c => c.notNull());
    for (const column of numbers) builder = builder.addColumn(column, number, c => c.notNull());
    for (const column of nullable.texts ?? []) builder = builder.addColumn(column, text);
    for (const column of nullable.numbers ?? []) builder = builder.addColumn(column, number);
    return builder;
  };
  const numbered = (...args: Parameters<typeof table>) =>
    table(...args)
      .addColumn('ordinal', ordinal, c => c.primaryKey())
      .addUniqueConstraint(`${args[0]}_id`, ['id']);
  const index = (name: string, on: string, columns: string[]) => db.schema.createIndex(name).on(on).columns(columns);

  await table(
    'worker',
    ['id', 'boot', 'site', 'labels', 'capabilities'],
    ['slots', 'is_draining', 'joined_at', 'lease_until'],
  )
    .addPrimaryKeyConstraint('worker_id', ['id'])
    .execute();

  await numbered(
    'workspace',
    ['id', 'caller', 'name', 'state', 'worker', 'engine', 'spec', 'metadata'],
    ['epoch', 'generation', 'ttl_seconds', 'created_at', 'last_activity_at', 'expires_at'],
    { texts: ['connection', 'image'] },
  ).execute();
  await index('workspace_of_caller', 'workspace', ['caller', 'ordinal']).execute();
  await index('workspace_of_worker', 'workspace', ['worker']).execute();
  await index('workspace_expiry', 'workspace', ['expires_at']).execute();
  // A connection has one default workspace; the database sees to it even if a hub does not.
  await index('workspace_of_connection', 'workspace', ['caller', 'connection'])
    .unique()
    .where(sql.ref('connection'), 'is not', null)
    .execute();

  await numbered('task', ['id', 'caller', 'toolset', 'operation', 'status'], ['attempts', 'created_at'], {
    texts: ['workspace_id', 'worker', 'job', 'progress', 'result', 'error'],
    numbers: ['sequence', 'epoch', 'started_at', 'completed_at'],
  }).execute();
  await index('task_of_caller', 'task', ['caller', 'created_at', 'ordinal']).execute();
  await index('task_of_workspace', 'task', ['workspace_id', 'sequence']).execute();
  await index('task_end', 'task', ['completed_at']).execute();

  await numbered(
    'checkpoint',
    ['id', 'caller', 'workspace_id', 'name', 'sha256', 'manifest', 'packs', 'installed_packages', 'spec', 'metadata'],
    ['size_bytes', 'file_count', 'created_at'],
    { texts: ['parent_id'], numbers: ['expires_at'] },
  ).execute();
  await index('checkpoint_of_workspace', 'checkpoint', ['workspace_id', 'ordinal']).execute();

  await numbered(
    'artifact',
    ['id', 'caller', 'workspace_id', 'name', 'path', 'content_type', 'sha256', 'labels'],
    ['size_bytes', 'created_at'],
    { texts: ['task_id'], numbers: ['expires_at'] },
  ).execute();
  await index('artifact_by_path', 'artifact', ['workspace_id', 'path', 'ordinal']).execute();
  await index('artifact_by_name', 'artifact', ['workspace_id', 'name', 'ordinal']).execute();

  await table('stream', ['stream'], ['epoch', 'last_seq', 'updated_at'])
    .addPrimaryKeyConstraint('stream_name', ['stream'])
    .execute();
  await table('event', ['stream', 'type', 'body'], ['seq', 'epoch', 'time'])
    .addPrimaryKeyConstraint('event_position', ['stream', 'seq'])
    .execute();
  await index('event_time', 'event', ['time']).execute();

  await table('idempotency', ['caller', 'operation', 'key', 'args_hash'], ['expires_at'], { texts: ['result'] })
    .addPrimaryKeyConstraint('idempotency_key', ['caller', 'operation', 'key'])
    .execute();
  await index('idempotency_expiry', 'idempotency', ['expires_at']).execute();

  await table('audit', ['id', 'caller', 'operation', 'handles', 'outcome', 'details', 'hash'], ['time'])
    .addColumn('seq', dialect === 'sqlite' ? sql`integer` : number, c => c.primaryKey())
    .addColumn('duration_ms', sql`double precision`, c => c.notNull())
    .execute();
  await table('audit_head', ['hash'], ['seq'])
    .addColumn('one', number, c => c.primaryKey())
    .execute();
}

/** Hubs have leases as workers do, and a call with a key belongs to the hub that runs it. */
async function addCallOwners(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('hub')
    .addColumn('id', text, c => c.primaryKey())
    .addColumn('lease_until', sql`bigint`, c => c.notNull())
    .execute();
  // Of the calls that an earlier version left unfinished nobody is the owner, so that the next attempt takes them over.
  await db.schema.alterTable('idempotency').addColumn('owner', text).execute();
  await db.schema
    .alterTable('idempotency')
    .addColumn('nonce', text, c => c.notNull().defaultTo(''))
    .execute();
}

/** Workspaces wait for slots, one hub drains a worker, and a lost worker is remembered for a while. */
async function addWaiting(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  await db.schema
    .createTable('waiting')
    .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey())
    .addColumn('id', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('hub', text, c => c.notNull())
    .addColumn('labels', text, c => c.notNull())
    .addUniqueConstraint('waiting_id', ['id'])
    .execute();
  await db.schema.alterTable('worker').addColumn('drained_by', text).execute();
  await db.schema
    .alterTable('worker')
    .addColumn('is_reaped', number, c => c.notNull().defaultTo(0))
    .execute();
}

/** Checkpoints of an earlier version were all asked for; how far each reaches is not known, so all that ran may be missing. */
async function addAutomaticCheckpoints(db: Kysely<unknown>): Promise<void> {
  for (const column of ['is_automatic', 'sequence']) {
    await db.schema
      .alterTable('checkpoint')
      .addColumn(column, sql`bigint`, c => c.notNull().defaultTo(0))
      .execute();
  }
}

/** Sessions of clients, so that every hub knows them. */
async function addClientSessions(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('client_session')
    .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey())
    .addColumn('id', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('connection', text, c => c.notNull())
    .addColumn('opening', text, c => c.notNull())
    .addColumn('last_used_at', sql`bigint`, c => c.notNull())
    .addUniqueConstraint('client_session_id', ['id'])
    .execute();
  await db.schema.createIndex('client_session_use').on('client_session').columns(['caller', 'last_used_at']).execute();
}

/** Sessions with coding agents: their prompts, what they asked leave for, and what callers keep beside them. */
async function addAgentSessions(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  const table = (
    name: string,
    texts: string[],
    numbers: string[],
    nullable: { texts?: string[]; numbers?: string[] },
  ) => {
    let builder: CreateTableBuilder<string, string> = db.schema
      .createTable(name)
      .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey());
    for (const column of texts) builder = builder.addColumn(column, text, c => c.notNull());
    for (const column of numbers) builder = builder.addColumn(column, number, c => c.notNull());
    for (const column of nullable.texts ?? []) builder = builder.addColumn(column, text);
    for (const column of nullable.numbers ?? []) builder = builder.addColumn(column, number);
    return builder.addUniqueConstraint(`${name}_id`, ['id']);
  };
  const index = (name: string, on: string, columns: string[]) =>
    db.schema.createIndex(name).on(on).columns(columns).execute();
  await table(
    'session',
    ['id', 'caller', 'agent', 'worker', 'slug', 'cwd', 'title', 'permission_mode', 'status', 'usage', 'metadata'],
    ['epoch', 'message_count', 'reported', 'created_at', 'updated_at'],
    {
      texts: [
        'agent_session_id',
        'workspace_id',
        'model',
        'status_reason',
        'parent_id',
        'forked_from',
        'at_message_id',
      ],
      numbers: ['last_message_at'],
    },
  ).execute();
  await index('session_of_caller', 'session', ['caller', 'updated_at', 'ordinal']);
  await index('session_of_worker', 'session', ['worker', 'status']);
  await index('session_of_parent', 'session', ['parent_id']);
  await table('turn', ['id', 'session_id', 'caller', 'state', 'prompt'], ['created_at'], {
    texts: ['result'],
    numbers: ['epoch', 'started_at', 'ended_at', 'expires_at'],
  }).execute();
  await index('turn_of_session', 'turn', ['session_id', 'ended_at', 'ordinal']);
  await index('turn_open', 'turn', ['state']);
  await table(
    'permission',
    ['id', 'session_id', 'caller', 'worker', 'source', 'tool_name', 'description', 'input', 'remember', 'state'],
    ['epoch', 'is_delivered', 'created_at', 'expires_at'],
    { texts: ['answer'], numbers: ['resolved_at'] },
  ).execute();
  await index('permission_of_caller', 'permission', ['caller', 'ordinal']);
  await index('permission_of_session', 'permission', ['session_id', 'ordinal']);
  await index('permission_open', 'permission', ['is_delivered', 'state']);
  await db.schema
    .createTable('caller_state')
    .addColumn('caller', text, c => c.primaryKey())
    .addColumn('version', number, c => c.notNull())
    .addColumn('state', text, c => c.notNull())
    .execute();
}

/** Files that callers give for prompts. */
async function addSessionUploads(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  let builder: CreateTableBuilder<string, string> = db.schema
    .createTable('session_upload')
    .addColumn('ordinal', dialect === 'sqlite' ? sql`integer` : sql`bigserial`, c => c.primaryKey());
  for (const column of ['id', 'caller', 'session_id', 'name', 'content_type', 'sha256'])
    builder = builder.addColumn(column, textOf(dialect), c => c.notNull());
  for (const column of ['size_bytes', 'created_at']) builder = builder.addColumn(column, sql`bigint`, c => c.notNull());
  await builder.addUniqueConstraint('session_upload_id', ['id']).execute();
  await db.schema.createIndex('session_upload_age').on('session_upload').columns(['created_at']).execute();
}

/** Where polls of connections ended, and what parents of sessions have not been told yet. */
async function addPollsAndParents(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  await db.schema
    .createTable('poll_position')
    .addColumn('connection', text, c => c.notNull())
    .addColumn('filters', text, c => c.notNull())
    .addColumn('seq', number, c => c.notNull())
    .addColumn('part', number, c => c.notNull())
    .addColumn('updated_at', number, c => c.notNull())
    .addPrimaryKeyConstraint('poll_position_key', ['connection', 'filters'])
    .execute();
  // The beginning of the latest turn is found without reading what was said in it.
  await sql`create index event_turn_end on event (stream, seq) where type = 'session.idle'`.execute(db);
  await db.schema.alterTable('turn').addColumn('notice', number).execute();
  await sql`create index turn_notice on turn (notice) where notice < 2`.execute(db);
  await db.schema
    .alterTable('session')
    .addColumn('told_epoch', number, c => c.notNull().defaultTo(0))
    .execute();
  await sql`create index session_end on session (ordinal)
    where parent_id is not null and status in ('closed', 'failed') and told_epoch < epoch`.execute(db);
}

/** Tokens that hooks of terminals show, and the sessions that were heard of through them. */
async function addTerminalHooks(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  await db.schema
    .createTable('hook_token')
    .addColumn('hash', text, c => c.primaryKey())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('created_at', number, c => c.notNull())
    .execute();
  await db.schema
    .createTable('terminal')
    .addColumn('agent_session_id', text, c => c.notNull())
    .addColumn('caller', text, c => c.notNull())
    .addColumn('heard_at', number, c => c.notNull())
    .addPrimaryKeyConstraint('terminal_key', ['agent_session_id', 'caller'])
    .execute();
  await db.schema.createIndex('terminal_age').on('terminal').columns(['heard_at']).execute();
}

/** What users do with sessions in their own terminals. */
async function addPresence(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const text = textOf(dialect);
  const number = sql`bigint`;
  await db.schema
    .createTable('presence')
    .addColumn('worker', text, c => c.primaryKey())
    .addColumn('open', text, c => c.notNull())
    .addColumn('told_at', number, c => c.notNull())
    .execute();
  await db.schema
    .createTable('mirror')
    .addColumn('session_id', text, c => c.primaryKey())
    .addColumn('position', text, c => c.notNull())
    .addColumn('is_open', number, c => c.notNull())
    .execute();
  await sql`create index mirror_open on mirror (session_id) where is_open = 1`.execute(db);
  await sql`create index session_agent_id on session (worker, agent_session_id)`.execute(db);
}

/** Text compares bytewise on both, so that order and cursors mean the same. */
const textOf = (dialect: DialectName) => (dialect === 'sqlite' ? sql`text` : sql`text collate "C"`);
