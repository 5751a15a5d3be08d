import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { AgentUpdate } from '../../driver.ts';

type Task = Omit<Extract<AgentUpdate, { kind: 'subagent' }>, 'kind' | 'state'>;

/** Tells of subagents, by the use of the tool that started them. Other tasks in the background, such as shells, are none. */
export function subagentUpdates(): (said: Extract<SDKMessage, { type: 'system' }>) => AgentUpdate[] {
  const running = new Map<string, Task>();
  return said => {
    if (said.subtype === 'task_started' && said.subagent_type !== undefined && said.tool_use_id !== undefined) {
      const { tool_use_id: toolUseId, subagent_type: subagentType, description } = said;
      const task = { partId: toolUseId, toolUseId, subagentType, description };
      running.set(said.task_id, task);
      return [{ kind: 'subagent', state: 'started', ...task }];
    }
    if (said.subtype !== 'task_notification') return [];
    const task = running.get(said.task_id);
    running.delete(said.task_id);
    const state = said.status === 'completed' ? 'completed' : 'failed';
    return task === undefined ? [] : [{ kind: 'subagent', state, ...task }];
  };
}
