import { z } from 'zod';
import { json } from './json.ts';

/** Words of sessions that hub, worker and callers share. Times are epoch milliseconds. */

export const sessionStatusSchema = z.enum([
  'starting',
  'idle',
  'running',
  'waiting_permission',
  'parked',
  'mirror',
  'closed',
  'failed',
]);
export type SessionStatus = z.output<typeof sessionStatusSchema>;

export const permissionModeSchema = z.enum(['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions']);
export type PermissionMode = z.output<typeof permissionModeSchema>;

export const rememberSchema = z.enum(['once', 'session', 'always']);
export type Remember = z.output<typeof rememberSchema>;

/** Tokens and cost as an agent recorded them; nothing is estimated. `costUsd` null: it gave no price. */
export const usageSchema = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  costUsd: z.number().nullable(),
});
export type Usage = z.output<typeof usageSchema>;

const part = {
  id: z.string(),
  messageId: z.string(),
  sessionId: z.string(),
  time: z.object({ start: z.number(), end: z.number().optional() }).optional(),
  /** It was cut for whoever reads it. */
  truncated: z.boolean().optional(),
};
const jsonObject = z.record(z.string(), json);

export const partSchema = z.discriminatedUnion('type', [
  z.object({ ...part, type: z.literal('text'), text: z.string() }),
  z.object({ ...part, type: z.literal('thinking'), text: z.string() }),
  z.object({
    ...part,
    type: z.literal('tool_use'),
    tool: z.string(),
    input: jsonObject,
    state: z.enum(['running', 'completed', 'error']),
    resultText: z.string().optional(),
  }),
  z.object({
    ...part,
    type: z.literal('tool_result'),
    toolUseId: z.string(),
    content: z.string(),
    isError: z.boolean().optional(),
  }),
  z.object({ ...part, type: z.literal('system'), subtype: z.string(), data: jsonObject }),
  z.object({
    ...part,
    type: z.literal('result'),
    subtype: z.enum(['success', 'error']),
    costUsd: z.number().optional(),
    durationMs: z.number().optional(),
    usage: usageSchema.optional(),
  }),
]);
export type Part = z.output<typeof partSchema>;
export type PartOf<Type extends Part['type']> = Extract<Part, { type: Type }>;

export const messageSchema = z.object({
  id: z.string(),
  sessionId: z.string(),
  role: z.enum(['user', 'assistant', 'system']),
  model: z.string().optional(),
  parentId: z.string().optional(),
  /** Of a subagent. */
  isSidechain: z.boolean().optional(),
  time: z.object({ created: z.number(), updated: z.number().optional() }),
  parts: z.array(partSchema),
});
export type Message = z.output<typeof messageSchema>;

/** What an agent of one kind can do. */
export const agentCapabilitiesSchema = z.object({
  resume: z.boolean(),
  fork: z.boolean(),
  forkAtMessage: z.boolean(),
  list: z.boolean(),
  interrupt: z.boolean(),
  permissions: z.boolean(),
  /** The model sees why it was refused. */
  denyMessage: z.boolean(),
  /** An allowed tool may get other input than it asked for. */
  updatedInput: z.boolean(),
  remember: z.array(rememberSchema),
  usage: z.boolean(),
  cost: z.boolean(),
  inWorkspace: z.boolean(),
  denyEndsTurn: z.boolean(),
  /** It tells which of its sessions are open in terminals; of others a prompt cannot know. */
  presence: z.boolean().optional(),
});
export type AgentCapabilities = z.output<typeof agentCapabilitiesSchema>;

/** One kind of agent on one worker. */
export const agentKindSchema = z.object({
  kind: z.string(),
  name: z.string(),
  installed: z.boolean(),
  version: z.string().optional(),
  path: z.string().optional(),
  authenticated: z.enum(['yes', 'no', 'unknown']),
  /** Why it cannot be used. */
  reason: z.string().optional(),
  models: z.array(z.string()),
  permissionModes: z.array(permissionModeSchema),
  capabilities: agentCapabilitiesSchema,
});
export type AgentKind = z.output<typeof agentKindSchema>;
