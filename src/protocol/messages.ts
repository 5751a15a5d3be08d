import { z } from 'zod';
import { fileRequestSchema } from './files.ts';
import { checkpointOutputSchema, collectedArtifactSchema, errorShapeSchema, jobSchema, outcomeSchema } from './jobs.ts';
import { json } from './json.ts';
import { sessionHubRequests, sessionWorkerRequests } from './session-messages.ts';
import { enforcementSchema, workspaceSpecSchema } from './workspace-spec.ts';

/** Names the workspace and the hold under which the hub believes the worker has it. */
const held = { workspaceId: z.string(), epoch: z.number() };

/** What a hub asks of a worker. */
export const workerRequests = {
  ...sessionWorkerRequests,
  /**
   * Takes the workspace on; no box starts yet. `fresh` false: its files are on this site already. `checkpoint`: the manifest of the
   * newest one, on which the next builds. With `restore` the files of that checkpoint are put in before anything else is done
   * there, and the answer comes after that. Idempotent.
   */
  'workspace.open': {
    request: z.object({
      ...held,
      spec: workspaceSpecSchema,
      generation: z.number(),
      lastSequence: z.number(),
      fresh: z.boolean(),
      checkpoint: z.string().nullable().optional(),
      restore: z.object({ checkpointId: z.string(), manifest: z.string() }).optional(),
    }),
    reply: z.object({ engine: z.string(), enforcement: z.record(z.string(), enforcementSchema) }),
  },
  /**
   * Gives the workspace up, so that another worker can have it as it is: refused when anything runs, waits, or was accepted after
   * `sequence`. Box and contexts end, the files stay until it is closed.
   */
  'workspace.release': {
    request: z.object({ ...held, sequence: z.number() }),
    reply: z.object({ isReleased: z.boolean() }),
  },
  /** Ends box and runs, removes files. Answers when all is gone. Idempotent. */
  'workspace.close': { request: z.object({ ...held }), reply: z.object({}) },
  'workspace.inspect': {
    request: z.object({ ...held, withUsage: z.boolean() }),
    reply: z.object({
      state: z.enum(['ready', 'busy', 'checkpointing', 'stopped', 'failed']),
      generation: z.number(),
      activeTasks: z.number(),
      contexts: z.array(z.object({ name: z.string(), generation: z.number() })),
      usage: z.object({ memory_bytes: z.number(), disk_bytes: z.number(), cpu_ms: z.number() }).nullable(),
    }),
  },
  /**
   * Puts a job in the workspace's line and waits up to `waitMs` for its end. A command id that is known gives the stored
   * answer. Without `detached`, the job is cancelled when the request is aborted (`run.cancel`).
   */
  'run.submit': {
    request: z.object({ ...held, commandId: z.string(), job: jobSchema, waitMs: z.number(), detached: z.boolean() }),
    reply: z.discriminatedUnion('state', [
      z.object({ state: z.literal('queued'), sequence: z.number() }),
      z.object({
        state: z.literal('running'),
        sequence: z.number(),
        startedAt: z.number(),
        stdout: z.string(),
        stderr: z.string(),
      }),
      z.object({ state: z.literal('ended'), outcome: outcomeSchema }),
    ]),
  },
  /** From now on the end is sent to the hub as `run.ended` until it is acknowledged. Waits like `run.submit`. */
  'run.await': {
    request: z.object({ ...held, commandId: z.string(), waitMs: z.number(), detach: z.boolean() }),
    reply: z.discriminatedUnion('state', [
      z.object({ state: z.literal('queued'), sequence: z.number() }),
      z.object({
        state: z.literal('running'),
        sequence: z.number(),
        startedAt: z.number(),
        stdout: z.string(),
        stderr: z.string(),
      }),
      z.object({ state: z.literal('ended'), outcome: outcomeSchema }),
      z.object({ state: z.literal('unknown') }),
    ]),
  },
  'run.cancel': {
    request: z.object({ ...held, commandId: z.string(), reason: z.string() }),
    reply: z.object({ cancelled: z.boolean(), state: z.enum(['queued', 'running', 'ended', 'unknown']) }),
  },
  'file.do': {
    request: z.object({ ...held, file: fileRequestSchema }),
    reply: z.object({
      output: z.record(z.string(), json),
      artifacts: z.array(collectedArtifactSchema),
      generation: z.number(),
    }),
  },
  'worker.status': {
    request: z.object({}),
    reply: z.object({ workspaces: z.number(), boxes: z.number(), engines: z.array(z.record(z.string(), json)) }),
  },
} as const;

/** What a worker tells a hub; each is repeated until it is acknowledged. */
export const hubRequests = {
  ...sessionHubRequests,
  'worker.join': {
    request: z.object({
      boot: z.string(),
      site: z.string(),
      slots: z.number(),
      labels: z.record(z.string(), z.string()),
      capabilities: z.record(z.string(), json),
      /** It was drained before its lease was lost. */
      isDraining: z.boolean().optional(),
    }),
    reply: z.object({ leaseSeconds: z.number() }),
  },
  'worker.beat': {
    request: z.object({ boot: z.string() }),
    reply: z.object({ isLive: z.boolean(), isDraining: z.boolean() }),
  },
  /** What the worker says of itself anew. `others`: live workers with a free slot that are not drained. */
  'worker.change': {
    request: z.object({
      boot: z.string(),
      slots: z.number().optional(),
      labels: z.record(z.string(), z.string()).optional(),
      isDraining: z.boolean().optional(),
    }),
    reply: z.object({ isLive: z.boolean(), others: z.number() }),
  },
  'worker.leave': { request: z.object({ boot: z.string() }), reply: z.object({}) },
  /** Asked before a detached job starts, so that a job whose start was not recorded never ran. */
  'run.started': {
    request: z.object({ ...held, commandId: z.string(), sequence: z.number() }),
    reply: z.object({ mayStart: z.boolean() }),
  },
  'run.ended': { request: z.object({ ...held, commandId: z.string(), outcome: outcomeSchema }), reply: z.object({}) },
  /** The box of a workspace started or died. */
  'box.changed': {
    request: z.object({
      ...held,
      generation: z.number(),
      state: z.enum(['ready', 'stopped', 'failed']),
      reason: z.string().nullable(),
    }),
    reply: z.object({}),
  },
  /** The files of the checkpoint with which the workspace was opened are in it. */
  'workspace.recovered': {
    request: z.object({
      ...held,
      checkpointId: z.string(),
      generation: z.number(),
      engine: z.string(),
      enforcement: z.record(z.string(), enforcementSchema),
    }),
    reply: z.object({}),
  },
  /** A checkpoint that the worker took by itself, with everything up to `sequence` in it. `parent`: the manifest it builds on. */
  'checkpoint.taken': {
    request: z.object({
      ...held,
      checkpointId: z.string(),
      sequence: z.number(),
      parent: z.string().nullable(),
      output: checkpointOutputSchema,
    }),
    reply: z.object({ isKept: z.boolean() }),
  },
  /** A refused or allowed connection of the egress proxy, for the audit record. */
  'egress.seen': {
    request: z.object({
      ...held,
      connections: z.array(
        z.object({ host: z.string(), port: z.number(), allowed: z.boolean(), reason: z.string(), bytes: z.number() }),
      ),
    }),
    reply: z.object({}),
  },
} as const;

export type WorkerVerb = keyof typeof workerRequests;
export type HubVerb = keyof typeof hubRequests;
export type WorkerRequest<Verb extends WorkerVerb> = z.output<(typeof workerRequests)[Verb]['request']>;
export type WorkerReply<Verb extends WorkerVerb> = z.output<(typeof workerRequests)[Verb]['reply']>;
export type HubRequest<Verb extends HubVerb> = z.output<(typeof hubRequests)[Verb]['request']>;
export type HubReply<Verb extends HubVerb> = z.output<(typeof hubRequests)[Verb]['reply']>;

/** Published on the live tail `t.<worker>.task:<id>` while a job runs; may be lost. */
export const runTailSchema = z.object({
  commandId: z.string(),
  percent: z.number().optional(),
  stage: z.string().optional(),
  message: z.string().optional(),
  stdout: z.string().optional(),
  stderr: z.string().optional(),
});
export type RunTail = z.output<typeof runTailSchema>;

/** Every reply is one of these two. `notHere`: the worker does not hold that workspace at that epoch. */
export const replySchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), body: z.unknown() }),
  z.object({ ok: z.literal(false), error: errorShapeSchema, notHere: z.boolean().optional() }),
]);
