import type { Kysely } from 'kysely';
import { type Columns, numberedTableOf } from './columns.ts';

/** Sessions with coding agents: their prompts, what they asked leave for, and what callers keep beside them. */
export async function addAgentSessions(db: Kysely<unknown>, columns: Columns): Promise<void> {
  const index = (name: string, on: string, names: string[]) =>
    db.schema.createIndex(name).on(on).columns(names).execute();

  await numberedTableOf(db, {
    columns,
    name: 'session',
    texts: [
      'id',
      'caller',
      'agent',
      'worker',
      'slug',
      'cwd',
      'title',
      'permission_mode',
      'status',
      'usage',
      'metadata',
    ],
    numbers: ['epoch', 'message_count', 'reported', 'created_at', 'updated_at'],
    nullableTexts: [
      'agent_session_id',
      'workspace_id',
      'model',
      'status_reason',
      'parent_id',
      'forked_from',
      'at_message_id',
    ],
    nullableNumbers: ['last_message_at'],
  }).execute();
  await index('session_of_caller', 'session', ['caller', 'updated_at', 'ordinal']);
  await index('session_of_worker', 'session', ['worker', 'status']);
  await index('session_of_parent', 'session', ['parent_id']);

  await numberedTableOf(db, {
    columns,
    name: 'turn',
    texts: ['id', 'session_id', 'caller', 'state', 'prompt'],
    numbers: ['created_at'],
    nullableTexts: ['result'],
    nullableNumbers: ['epoch', 'started_at', 'ended_at', 'expires_at'],
  }).execute();
  await index('turn_of_session', 'turn', ['session_id', 'ended_at', 'ordinal']);
  await index('turn_open', 'turn', ['state']);

  await numberedTableOf(db, {
    columns,
    name: 'permission',
    texts: ['id', 'session_id', 'caller', 'worker', 'source', 'tool_name', 'description', 'input', 'remember', 'state'],
    numbers: ['epoch', 'is_delivered', 'created_at', 'expires_at'],
    nullableTexts: ['answer'],
    nullableNumbers: ['resolved_at'],
  }).execute();
  await index('permission_of_caller', 'permission', ['caller', 'ordinal']);
  await index('permission_of_session', 'permission', ['session_id', 'ordinal']);
  await index('permission_open', 'permission', ['is_delivered', 'state']);

  await db.schema
    .createTable('caller_state')
    .addColumn('caller', columns.text, c => c.primaryKey())
    .addColumn('version', columns.number, c => c.notNull())
    .addColumn('state', columns.text, c => c.notNull())
    .execute();
}
