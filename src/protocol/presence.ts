import { z } from 'zod';
import { messageSchema, partSchema } from './sessions.ts';

/** What hubs and workers say to each other about sessions that their users have open in terminals, and what is said in them. */

export const openSessionSchema = z.object({
  agent: z.string(),
  /** The agent's own id of the session. */
  agentSessionId: z.string(),
  /** The process that has it open, on the worker's machine. */
  pid: z.number(),
  status: z.enum(['idle', 'busy', 'waiting']),
  /** Epoch milliseconds. */
  since: z.number(),
});
export type OpenSession = z.output<typeof openSessionSchema>;

/** A message that came into a transcript, with the calls of tools that ended with it. */
export const writtenMessageSchema = z.object({
  message: messageSchema,
  /** Parts of an answer whose first ones were written before. */
  isMore: z.boolean(),
  settled: z.array(partSchema),
});
export type WrittenMessage = z.output<typeof writtenMessageSchema>;

export const sinceRequestSchema = z.object({
  agent: z.string(),
  /** Ours or the agent's own. */
  id: z.string(),
  /** Id of the last message that was read; null: none was. */
  after: z.string().nullable(),
  /** Epoch milliseconds: nothing older. Null: without `after` from the newest prompt on. */
  notBefore: z.number().nullable(),
  limit: z.number().int().positive(),
  /** Whoever wrote there has ended: what files hold now is read first. */
  isLast: z.boolean(),
});
export type SinceRequest = z.output<typeof sinceRequestSchema>;

export const writtenSinceSchema = z.object({
  written: z.array(writtenMessageSchema),
  /** For the next request. */
  after: z.string().nullable(),
  hasMore: z.boolean(),
});
export type WrittenSince = z.output<typeof writtenSinceSchema>;

export const presenceWorkerRequests = {
  /** Looks anew whether a user has the session open. Throws AGENT_UNAVAILABLE where that cannot be told. */
  'presence.check': {
    request: z.object({ agent: z.string(), agentSessionId: z.string() }),
    reply: z.object({ open: openSessionSchema.nullable() }),
  },
  /** What was written into a transcript, in order, and then who has it open; null for a session that is not known there. */
  'history.since': {
    request: sinceRequestSchema,
    reply: z.object({ found: writtenSinceSchema.nullable(), open: openSessionSchema.nullable() }),
  },
} as const;

export const presenceHubRequests = {
  /** All sessions that users have open on the worker's machine, without those that it drives. Told again until a hub answers. */
  'presence.told': { request: z.object({ open: z.array(openSessionSchema) }), reply: z.object({}) },
  /** Something was written into the transcripts of these, and not by an agent that the worker drives. May be lost. */
  'transcripts.grew': { request: z.object({ agentSessionIds: z.array(z.string()) }), reply: z.object({}) },
} as const;
