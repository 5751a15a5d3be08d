import type { z } from 'zod';
import type { AgentLogEntry, LogLevel } from '../provider.ts';
import type { ChatMessage } from './chats-api.ts';
import type { agentLogsSchema, taskLogsSchema } from './upstream.ts';

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'critical',
};

/** What a task said and was told, oldest first. */
export function entriesOfTask(agentId: string, { logs }: z.output<typeof taskLogsSchema>): AgentLogEntry[] {
  return (logs ?? [])
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, content, time, type }) => ({
      timestamp: time,
      level: 'info',
      message: content,
      agentId,
      taskId: null,
      metadata: { id, type },
    }));
}

/** What the workspace's agent logged. A level that nobody knows is `info`, and shown. */
export function entriesOfAgent(agentId: string, logs: z.output<typeof agentLogsSchema>): AgentLogEntry[] {
  return logs
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, created_at, level, output }) => {
      const known = Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined;
      return {
        timestamp: created_at,
        level: known ?? 'info',
        message: output,
        agentId,
        taskId: null,
        metadata: { id, source: 'agent', ...(known ? {} : { level }) },
      };
    });
}

/** Texts and uses of tools in a chat, an entry each. What the model thinks is no part of a log. */
export function entriesOfChat(agentId: string, messages: readonly ChatMessage[]): AgentLogEntry[] {
  return messages.flatMap(({ id, role, created_at, content }) =>
    (content ?? []).flatMap((part): AgentLogEntry[] => {
      const message = textOf(part);
      if (message === null) return [];
      const metadata = {
        id,
        type: role === 'user' ? 'input' : 'output',
        part: part.type,
        ...(part.tool_name === null ? {} : { tool: part.tool_name }),
        ...(part.tool_call_id === null ? {} : { tool_call_id: part.tool_call_id }),
      };
      const level = part.is_error === true ? 'error' : 'info';
      return [{ timestamp: part.created_at ?? created_at, level, message, agentId, taskId: null, metadata }];
    }),
  );
}

type Part = NonNullable<ChatMessage['content']>[number];

function textOf({ type, text, tool_name: tool, args, result }: Part): string | null {
  if (type === 'text') return text;
  if (type === 'tool-call') return `${tool ?? 'tool'}(${args === undefined ? '' : JSON.stringify(args)})`;
  if (type === 'tool-result') return text ?? (result === undefined ? '' : asText(result));
  return null;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Both kinds in one, oldest first. */
export const merged = (...entries: readonly (readonly AgentLogEntry[])[]): AgentLogEntry[] =>
  entries.flat().sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
