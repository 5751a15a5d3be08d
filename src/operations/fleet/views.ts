import { assignmentOf } from '../../hub/fleet/fleet-list.ts';
import type { Agent, AgentLogEntry } from '../../providers/provider.ts';
import type { EventRecord, JsonObject } from '../../store/rows.ts';

/** An agent as callers see it. */
export const viewAgent = (agent: Agent) => ({
  id: agent.id,
  user: agent.user,
  workspace_id: agent.workspaceId,
  workspace_name: agent.workspaceName,
  name: agent.name,
  status: agent.status,
  created_at: agent.createdAt,
  updated_at: agent.updatedAt,
  last_activity_at: agent.lastActivityAt,
  capabilities: [...agent.capabilities, ...agent.labels],
  current_assignment: assignmentOf(agent),
  connected: agent.connected,
  metadata: { ...agent.metadata, initial_prompt: agent.initialPrompt },
  provider: agent.provider,
  url: agent.url,
});

export const viewLog = ({ timestamp, level, message, agentId, taskId, metadata }: AgentLogEntry) => ({
  timestamp,
  level,
  message,
  agent_id: agentId,
  task_id: taskId,
  metadata,
});

/** A change that another caller made a moment ago; nothing where there was none. */
export const viewConflict = (conflict: { caller: string; operation: string; at: number } | undefined) =>
  conflict === undefined ? {} : { conflict: { ...conflict, at: new Date(conflict.at).toISOString() } };

/** An event of the fleet. Whose session it tells of is nobody's business but its own. */
export function viewFleetEvent({ seq, stream, type, time, body }: EventRecord): JsonObject {
  const { caller: _caller, ...told } = body;
  return { seq, stream, type, timestamp: new Date(time).toISOString(), ...told };
}
