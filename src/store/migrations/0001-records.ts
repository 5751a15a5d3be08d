import { type Kysely, sql } from 'kysely';
import { type Columns, tableOf } from './columns.ts';

/** The first version: workers and workspaces, tasks, checkpoints and artifacts, events, calls with keys, the audit log. */
export async function createRecords(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await createPlacement(db, columns);
  await createWork(db, columns);
  await createEvents(db, columns);
  await createCalls(db, columns);
  await createAudit(db, columns);
}

async function createPlacement(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, {
    columns,
    name: 'worker',
    texts: ['id', 'boot', 'site', 'labels', 'capabilities'],
    numbers: ['slots', 'is_draining', 'joined_at', 'lease_until'],
  })
    .addPrimaryKeyConstraint('worker_id', ['id'])
    .execute();

  await numbered(db, {
    columns,
    name: 'workspace',
    texts: ['id', 'caller', 'name', 'state', 'worker', 'engine', 'spec', 'metadata'],
    numbers: ['epoch', 'generation', 'ttl_seconds', 'created_at', 'last_activity_at', 'expires_at'],
    nullableTexts: ['connection', 'image'],
  });
  await index(db, 'workspace_of_caller', { on: 'workspace', columns: ['caller', 'ordinal'] }).execute();
  await index(db, 'workspace_of_worker', { on: 'workspace', columns: ['worker'] }).execute();
  await index(db, 'workspace_expiry', { on: 'workspace', columns: ['expires_at'] }).execute();
  // A connection has one default workspace; the database sees to it even if a hub does not.
  await index(db, 'workspace_of_connection', { on: 'workspace', columns: ['caller', 'connection'] })
    .unique()
    .where(sql.ref('connection'), 'is not', null)
    .execute();
}

async function createWork(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await numbered(db, {
    columns,
    name: 'task',
    texts: ['id', 'caller', 'toolset', 'operation', 'status'],
    numbers: ['attempts', 'created_at'],
    nullableTexts: ['workspace_id', 'worker', 'job', 'progress', 'result', 'error'],
    nullableNumbers: ['sequence', 'epoch', 'started_at', 'completed_at'],
  });
  await index(db, 'task_of_caller', { on: 'task', columns: ['caller', 'created_at', 'ordinal'] }).execute();
  await index(db, 'task_of_workspace', { on: 'task', columns: ['workspace_id', 'sequence'] }).execute();
  await index(db, 'task_end', { on: 'task', columns: ['completed_at'] }).execute();

  await numbered(db, {
    columns,
    name: 'checkpoint',
    texts: [
      'id',
      'caller',
      'workspace_id',
      'name',
      'sha256',
      'manifest',
      'packs',
      'installed_packages',
      'spec',
      'metadata',
    ],
    numbers: ['size_bytes', 'file_count', 'created_at'],
    nullableTexts: ['parent_id'],
    nullableNumbers: ['expires_at'],
  });
  await index(db, 'checkpoint_of_workspace', { on: 'checkpoint', columns: ['workspace_id', 'ordinal'] }).execute();

  await numbered(db, {
    columns,
    name: 'artifact',
    texts: ['id', 'caller', 'workspace_id', 'name', 'path', 'content_type', 'sha256', 'labels'],
    numbers: ['size_bytes', 'created_at'],
    nullableTexts: ['task_id'],
    nullableNumbers: ['expires_at'],
  });
  await index(db, 'artifact_by_path', { on: 'artifact', columns: ['workspace_id', 'path', 'ordinal'] }).execute();
  await index(db, 'artifact_by_name', { on: 'artifact', columns: ['workspace_id', 'name', 'ordinal'] }).execute();
}

async function createEvents(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, { columns, name: 'stream', texts: ['stream'], numbers: ['epoch', 'last_seq', 'updated_at'] })
    .addPrimaryKeyConstraint('stream_name', ['stream'])
    .execute();
  await tableOf(db, { columns, name: 'event', texts: ['stream', 'type', 'body'], numbers: ['seq', 'epoch', 'time'] })
    .addPrimaryKeyConstraint('event_position', ['stream', 'seq'])
    .execute();
  await index(db, 'event_time', { on: 'event', columns: ['time'] }).execute();
}

async function createCalls(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, {
    columns,
    name: 'idempotency',
    texts: ['caller', 'operation', 'key', 'args_hash'],
    numbers: ['expires_at'],
    nullableTexts: ['result'],
  })
    .addPrimaryKeyConstraint('idempotency_key', ['caller', 'operation', 'key'])
    .execute();
  await index(db, 'idempotency_expiry', { on: 'idempotency', columns: ['expires_at'] }).execute();
}

async function createAudit(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await tableOf(db, {
    columns,
    name: 'audit',
    texts: ['id', 'caller', 'operation', 'handles', 'outcome', 'details', 'hash'],
    numbers: ['time'],
  })
    .addColumn('seq', columns.dialect === 'sqlite' ? sql`integer` : columns.number, c => c.primaryKey())
    .addColumn('duration_ms', sql`double precision`, c => c.notNull())
    .execute();
  await tableOf(db, { columns, name: 'audit_head', texts: ['hash'], numbers: ['seq'] })
    .addColumn('one', columns.number, c => c.primaryKey())
    .execute();
}

/** In these tables the ordinal comes last. */
const numbered = (db: Kysely<unknown>, table: Parameters<typeof tableOf>[1]) =>
  tableOf(db, table)
    .addColumn('ordinal', table.columns.ordinal, c => c.primaryKey())
    .addUniqueConstraint(`${table.name}_id`, ['id'])
    .execute();

const index = (db: Kysely<unknown>, name: string, { on, columns }: { on: string; columns: string[] }) =>
  db.schema.createIndex(name).on(on).columns(columns);
