import type { Caller } from '../../auth/caller.ts';
import { type ListedSession, statusOf } from '../../hub/sessions/session-list.ts';
import { MACHINE_USER } from '../../hub/sharing/sharing.ts';
import { resumeCommand } from '../../protocol/resume-command.ts';
import type { AgentSessionRecord, PermissionRecord } from '../../store/agents/rows.ts';
import type { EventRecord, JsonObject } from '../../store/rows.ts';

const MAX_PREVIEW = 500;

/** What a user types to go on with a session; inside a workspace there is no terminal. */
function commandToResume({ id, agent, agentSessionId, cwd, workspaceId }: AgentSessionRecord): string {
  if (workspaceId !== null) return `boxswain sessions send ${id} --text 'go on'`;
  return agentSessionId === null ? '' : resumeCommand(agent, { agentSessionId, cwd });
}

export function viewSession(session: AgentSessionRecord, pendingPermissionCount = 0): JsonObject {
  const { workspaceId, model, statusReason, forkedFrom, parentId } = session;
  return {
    id: session.id,
    agentSessionId: session.agentSessionId,
    projectSlug: session.slug,
    title: session.title,
    cwd: session.cwd,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    lastMessageAt: session.lastMessageAt,
    status: session.status,
    agent: session.agent,
    permissionMode: session.permissionMode,
    workerId: session.worker,
    messageCount: session.messageCount,
    pendingPermissionCount,
    usage: session.usage,
    resumeCommand: commandToResume(session),
    metadata: session.metadata,
    ...(statusReason !== null && { statusReason }),
    ...(model !== null && { model }),
    ...(workspaceId !== null && { workspaceId }),
    ...(forkedFrom !== null && { forkedFrom }),
    ...(parentId !== null && { parentId }),
  };
}

/** One of another caller says whose it is. */
export function viewListed(listed: ListedSession, caller: Pick<Caller, 'id'>): JsonObject {
  const owner = listed.record?.caller ?? MACHINE_USER;
  const view = viewOf(listed);
  return owner === caller.id ? view : { ...view, sharedBy: owner };
}

/** One that an agent's own transcript tells of, with what is known of it here. */
function viewOf({ workerId, record, past, openIn }: ListedSession): JsonObject {
  const state = { status: statusOf({ record, openIn }), ...(openIn && { openIn }) };
  const told: JsonObject = past === undefined ? {} : { metadata: {}, ...plain(past), workerId };
  if (record === undefined) return { ...told, ...state, pendingPermissionCount: 0 };
  const own = { ...viewSession(record), ...state };
  if (past === undefined) return own;
  const { createdAt, lastMessageAt, messageCount, usage, title } = past;
  const updatedAt = Math.max(record.updatedAt, past.updatedAt);
  return {
    ...told,
    ...own,
    createdAt,
    updatedAt,
    lastMessageAt,
    messageCount,
    usage: plain(usage),
    title: record.title || title,
  };
}

/** As plain JSON: fields that are undefined are left out. */
export const plain = (value: object): JsonObject => JSON.parse(JSON.stringify(value));

export function viewPermission(permission: PermissionRecord): JsonObject {
  const { id, sessionId, toolName, description, input, source, createdAt, expiresAt, state, remember } = permission;
  return {
    ...{ requestId: id, sessionId, toolName, description, input, source, createdAt, expiresAt, state },
    inputPreview: JSON.stringify(input).slice(0, MAX_PREVIEW),
    remember: [...remember],
  };
}

/** An event as callers see it; `sessionId` of those of a session. */
export function viewEvent({ stream, seq, type, body, time }: EventRecord): JsonObject {
  const event = { ...body, seq, stream, type, time };
  return stream.startsWith('session:') ? { ...event, sessionId: stream.slice('session:'.length) } : event;
}
