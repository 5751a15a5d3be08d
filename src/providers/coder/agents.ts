import { unknownFields } from '../http/unknown-fields.ts';
import type { Agent } from '../provider.ts';
import { type ChatFacts, capabilitiesOfChat, isWaitingForPerson, statusOfChat } from './chat-status.ts';
import { capabilitiesOfTask, isConnected, statusOfTask, type TaskFacts } from './task-status.ts';
import { chatSchema, taskSchema, type UpstreamChat, type UpstreamTask, type UpstreamWorkspace } from './upstream.ts';

/** The label by which a chat has the name that it was asked for: chats have titles only, which models write. */
export const NAME_LABEL = 'boxswain_name';

export function factsOfTask(task: UpstreamTask): TaskFacts {
  const { workspace_agent_lifecycle: lifecycle, workspace_agent_health: health } = task;
  return {
    status: task.status,
    state: task.current_state?.state ?? null,
    workspaceStatus: task.workspace_status,
    lifecycle,
    healthy: health?.healthy ?? null,
    // Older servers tell of an agent's life without its id.
    hasAgent: task.workspace_agent_id !== null || lifecycle !== null || health !== null,
    hasWorkspace: task.workspace_id !== null,
  };
}

/** A task as an agent. `base` is the server's address. */
export function agentOfTask(task: UpstreamTask, base: string): Agent {
  const facts = factsOfTask(task);
  const state = task.current_state;
  return {
    provider: 'coder',
    id: task.id,
    user: task.owner_name,
    workspaceId: task.workspace_id,
    workspaceName: task.workspace_name,
    name: task.name,
    status: statusOfTask(facts),
    createdAt: task.created_at,
    updatedAt: task.updated_at,
    lastActivityAt: state?.timestamp ?? null,
    capabilities: capabilitiesOfTask(facts),
    labels: [],
    initialPrompt: task.initial_prompt,
    connected: isConnected(facts),
    metadata: {
      ...unknownFields(taskSchema, task),
      kind: 'task',
      name: task.name,
      display_name: task.display_name,
      template: task.template_name,
      organization: task.organization_id,
      build_number: task.workspace_build_number ?? null,
      state_message: state?.message ?? null,
      state_uri: state?.uri ?? null,
      provider_status: task.status,
      provider_state: state?.state ?? null,
      health_reason: task.workspace_agent_health?.reason ?? null,
    },
    url: `${base}/tasks/${encodeURIComponent(task.owner_name)}/${encodeURIComponent(task.id)}`,
  };
}

export function factsOfChat(chat: UpstreamChat): ChatFacts {
  return { status: chat.status, archived: chat.archived === true, hasWorkspace: chat.workspace_id !== null };
}

/** A chat as an agent, with the workspace that it is bound to, where that is known. */
export function agentOfChat(
  chat: UpstreamChat,
  { base, workspace }: { base: string; workspace: UpstreamWorkspace | undefined },
): Agent {
  const facts = factsOfChat(chat);
  const { [NAME_LABEL]: name = null, ...labels } = chat.labels;
  return {
    provider: 'coder',
    id: chat.id,
    user: chat.owner_username ?? chat.owner_name ?? chat.owner_id ?? '',
    workspaceId: chat.workspace_id,
    workspaceName: workspace?.name ?? null,
    name,
    status: statusOfChat(facts),
    createdAt: chat.created_at,
    updatedAt: chat.updated_at,
    lastActivityAt: null,
    capabilities: capabilitiesOfChat(facts),
    labels: Object.entries(labels).map(([key, value]) => (value === '' ? key : `${key}:${value}`)),
    initialPrompt: null,
    connected: false,
    metadata: {
      ...unknownFields(chatSchema, chat),
      kind: 'chat',
      name,
      title: chat.title,
      organization: chat.organization_id,
      archived: facts.archived,
      parent_chat_id: chat.parent_chat_id,
      state_message: chat.last_error?.message ?? chat.last_turn_summary,
      provider_status: chat.status,
      ...(isWaitingForPerson(facts) ? { waiting: true } : {}),
    },
    url: `${base}/agents/${encodeURIComponent(chat.id)}`,
  };
}
