import { z } from 'zod';
import {
  memoryFileSchema,
  messagesRequestSchema,
  projectFilterSchema,
  projectPageSchema,
  searchPageSchema,
  searchRequestSchema,
  sessionFilterSchema,
  sessionMessagesSchema,
  sessionPageSchema,
  usageFilterSchema,
  usageReportSchema,
} from './history.ts';
import { json } from './json.ts';
import { presenceHubRequests, presenceWorkerRequests } from './presence.ts';
import { agentKindSchema, permissionModeSchema, rememberSchema, sessionStatusSchema, usageSchema } from './sessions.ts';

/** What hubs and workers say to each other about sessions with agents. */

const jsonObject = z.record(z.string(), json);
/** Names the session and the start of its agent that the hub believes in. */
const driven = { sessionId: z.string(), epoch: z.number() };
/** The hold of the workspace whose sandbox the agent is to run in. */
const workspaceHold = z.object({ workspaceId: z.string(), epoch: z.number() });

export const permissionAnswerSchema = z.discriminatedUnion('behavior', [
  z.object({ behavior: z.literal('allow'), remember: rememberSchema, updatedInput: jsonObject.optional() }),
  z.object({
    behavior: z.literal('deny'),
    remember: rememberSchema,
    message: z.string(),
    /** Nobody answered in time. */
    isExpired: z.boolean().optional(),
  }),
  z.object({ behavior: z.literal('cancelled') }),
]);

export const attachmentSchema = z.object({
  name: z.string(),
  contentType: z.string(),
  /** Blob of its bytes. */
  sha256: z.string(),
  sizeBytes: z.number(),
});
export type Attachment = z.output<typeof attachmentSchema>;

export const sessionWorkerRequests = {
  ...presenceWorkerRequests,
  /** The kinds of agents that are configured on this worker. */
  'agents.describe': { request: z.object({}), reply: z.object({ agents: z.array(agentKindSchema) }) },
  /** Whether a session may be had there: the directory as the worker sees it. Throws INVALID_CWD. */
  'session.check': {
    request: z.object({ agent: z.string(), cwd: z.string(), workspace: workspaceHold.optional() }),
    reply: z.object({ cwd: z.string(), slug: z.string() }),
  },
  /** Starts the agent. Idempotent for one epoch. */
  'session.start': {
    request: z.object({
      ...driven,
      agent: z.string(),
      cwd: z.string(),
      /** The agent's own id of the session to go on with. */
      resume: z.string().nullable(),
      model: z.string().nullable(),
      permissionMode: permissionModeSchema,
      workspace: workspaceHold.optional(),
      /** What it had used so far, where an agent told. */
      used: usageSchema.optional(),
    }),
    reply: z.object({ agentSessionId: z.string() }),
  },
  /** Gives the agent a prompt; answers when it has it. One that it was given before is not given again. */
  'session.prompt': {
    request: z.object({ ...driven, turnId: z.string(), text: z.string(), attachments: z.array(attachmentSchema) }),
    reply: z.object({}),
  },
  /** Puts a file where the agent of the session can read it; answers the path. Idempotent. */
  'session.place': {
    request: z.object({ sessionId: z.string(), attachment: attachmentSchema }),
    reply: z.object({ path: z.string() }),
  },
  'session.interrupt': { request: z.object({ ...driven }), reply: z.object({ wasRunning: z.boolean() }) },
  /** Ends the agent's processes. Answers when they are gone. Idempotent. */
  'session.stop': {
    request: z.object({ ...driven, as: sessionStatusSchema }),
    reply: z.object({ wasLive: z.boolean() }),
  },
  'session.answer': {
    request: z.object({ ...driven, requestId: z.string(), answer: permissionAnswerSchema }),
    reply: z.object({ wasPending: z.boolean() }),
  },
  /** What agents did on the worker's machine before; `found` and `files` are null for what is not there. */
  'history.projects': { request: projectFilterSchema, reply: projectPageSchema },
  'history.sessions': { request: sessionFilterSchema, reply: sessionPageSchema },
  'history.messages': { request: messagesRequestSchema, reply: z.object({ found: sessionMessagesSchema.nullable() }) },
  'history.search': { request: searchRequestSchema, reply: searchPageSchema },
  'history.usage': { request: usageFilterSchema, reply: usageReportSchema },
  'history.memory': {
    request: z.object({ slug: z.string(), include: z.enum(['memory', 'all']) }),
    reply: z.object({ files: z.array(memoryFileSchema).nullable() }),
  },
  'session.fork': {
    request: z.object({
      agent: z.string(),
      agentSessionId: z.string(),
      cwd: z.string(),
      atMessageId: z.string().nullable(),
      title: z.string().nullable(),
      workspace: workspaceHold.optional(),
    }),
    reply: z.object({ agentSessionId: z.string() }),
  },
} as const;

/** The changes of a session that its worker knows of first. */
export const sessionPatchSchema = z.object({
  agentSessionId: z.string().optional(),
  title: z.string().optional(),
  model: z.string().optional(),
  permissionMode: permissionModeSchema.optional(),
  status: sessionStatusSchema.optional(),
  statusReason: z.string().nullable().optional(),
  usage: usageSchema.optional(),
  messageCount: z.number().optional(),
  lastMessageAt: z.number().optional(),
});

export const askedSchema = z.object({
  requestId: z.string(),
  toolName: z.string(),
  description: z.string(),
  input: jsonObject,
  remember: z.array(rememberSchema),
});

export const turnEndSchema = z.object({
  turnId: z.string(),
  outcome: z.enum(['completed', 'aborted', 'failed']),
  result: jsonObject,
});

export const sessionHubRequests = {
  ...presenceHubRequests,
  /**
   * What happened in a session, in order, with all that follows. `first` numbers the first event among all of this epoch, from 1. Told
   * again until a hub answers; `isFenced`: somebody else drives it by now. `expected` after a gap: the number to go on from.
   */
  'session.told': {
    request: z.object({
      ...driven,
      first: z.number(),
      events: z.array(z.object({ type: z.string(), body: jsonObject })),
      patch: sessionPatchSchema,
      asked: z.array(askedSchema),
      settled: z.array(z.object({ requestId: z.string(), state: z.enum(['expired', 'resolved_locally', 'denied']) })),
      ended: z.array(turnEndSchema),
    }),
    reply: z.object({ isFenced: z.boolean(), expected: z.number() }),
  },
} as const;

export type SessionWorkerRequest<Verb extends keyof typeof sessionWorkerRequests> = z.output<
  (typeof sessionWorkerRequests)[Verb]['request']
>;
export type SessionTold = z.output<(typeof sessionHubRequests)['session.told']['request']>;
