import { z } from 'zod';
import type { Database } from '../database.ts';
import { definedOf } from '../placement/workspaces.ts';
import { createRowsReader, jsonObject, type RowsReader } from '../rows-reader.ts';
import { type AgentSessionRecord, permissionModes, sessionStates } from './rows.ts';
import type { SessionPatch } from './store.ts';

/** The columns of a session as its record names them. */
export const sessionColumns = [
  'id',
  'caller',
  'agent',
  'agent_session_id as agentSessionId',
  'worker',
  'epoch',
  'workspace_id as workspaceId',
  'slug',
  'cwd',
  'title',
  'model',
  'permission_mode as permissionMode',
  'status',
  'status_reason as statusReason',
  'parent_id as parentId',
  'forked_from as forkedFrom',
  'at_message_id as atMessageId',
  'usage',
  'message_count as messageCount',
  'metadata',
  'reported',
  'created_at as createdAt',
  'updated_at as updatedAt',
  'last_message_at as lastMessageAt',
] as const;

const schema = z.object({
  id: z.string(),
  caller: z.string(),
  agent: z.string(),
  agentSessionId: z.string().nullable(),
  worker: z.string(),
  epoch: z.number(),
  workspaceId: z.string().nullable(),
  slug: z.string(),
  cwd: z.string(),
  title: z.string(),
  model: z.string().nullable(),
  permissionMode: z.enum(permissionModes),
  status: z.enum(sessionStates),
  statusReason: z.string().nullable(),
  parentId: z.string().nullable(),
  forkedFrom: z.string().nullable(),
  atMessageId: z.string().nullable(),
  usage: jsonObject,
  messageCount: z.number(),
  metadata: jsonObject,
  reported: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  lastMessageAt: z.number().nullable(),
});

export const createSessionReader = (db: Database): RowsReader<AgentSessionRecord> =>
  createRowsReader<AgentSessionRecord>(db, { table: 'session', schema });

/** The columns of what is new of a session. */
export const columnsOf = ({
  usage,
  metadata,
  agentSessionId,
  permissionMode,
  statusReason,
  messageCount,
  lastMessageAt,
  ...plain
}: SessionPatch) =>
  definedOf({
    ...plain,
    agent_session_id: agentSessionId,
    permission_mode: permissionMode,
    status_reason: statusReason,
    message_count: messageCount,
    last_message_at: lastMessageAt,
    usage: usage && JSON.stringify(usage),
    metadata: metadata && JSON.stringify(metadata),
  });
