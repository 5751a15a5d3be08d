import { z } from 'zod';
import { json } from '../../../../protocol/json.ts';
import {
  messageSchema,
  partSchema,
  permissionModeSchema,
  rememberSchema,
  usageSchema,
} from '../../../../protocol/sessions.ts';

/** What the driver and the scripted agent's process say to each other, one JSON value a line. */

const input = z.record(z.string(), json);

const answerSchema = z.discriminatedUnion('behavior', [
  z.object({ behavior: z.literal('allow'), remember: rememberSchema, updatedInput: input.optional() }),
  z.object({ behavior: z.literal('deny'), remember: rememberSchema, message: z.string() }),
  z.object({ behavior: z.literal('cancelled') }),
]);
export type Answer = z.output<typeof answerSchema>;

export const toAgentSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('open'),
    sessionId: z.string(),
    resume: z.string().optional(),
    model: z.string().optional(),
    permissionMode: permissionModeSchema,
  }),
  z.object({ kind: z.literal('prompt'), text: z.string(), attachments: z.array(z.string()) }),
  z.object({ kind: z.literal('interrupt') }),
  z.object({ kind: z.literal('answer'), requestId: z.string(), answer: answerSchema }),
]);
export type ToAgent = z.output<typeof toAgentSchema>;

const place = { messageId: z.string(), partId: z.string() };

export const updateSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), message: messageSchema }),
  z.object({ kind: z.literal('part'), part: partSchema }),
  z.object({ kind: z.literal('delta'), ...place, delta: z.string() }),
  z.object({ kind: z.literal('part_completed'), ...place }),
  z.object({
    kind: z.literal('subagent'),
    state: z.enum(['started', 'completed', 'failed']),
    partId: z.string(),
    toolUseId: z.string(),
    subagentType: z.string(),
    description: z.string(),
  }),
  z.object({ kind: z.literal('title'), title: z.string() }),
  z.object({ kind: z.literal('usage'), usage: usageSchema }),
]);
export type Update = z.output<typeof updateSchema>;

const questionSchema = z.object({
  requestId: z.string(),
  toolName: z.string(),
  description: z.string(),
  input,
  remember: z.array(rememberSchema),
});
export type Question = z.output<typeof questionSchema>;

const endSchema = z.object({
  outcome: z.enum(['completed', 'aborted', 'failed']),
  error: z.string().optional(),
  usage: usageSchema.optional(),
  durationMs: z.number(),
});
export type End = z.output<typeof endSchema>;

export const fromAgentSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), agentSessionId: z.string() }),
  z.object({ kind: z.literal('unknown_session') }),
  z.object({ kind: z.literal('update'), update: updateSchema }),
  z.object({ kind: z.literal('ask'), question: questionSchema }),
  /** Nobody waits for the answer any more. */
  z.object({ kind: z.literal('withdrawn'), requestId: z.string() }),
  z.object({ kind: z.literal('end'), end: endSchema }),
]);
export type FromAgent = z.output<typeof fromAgentSchema>;
