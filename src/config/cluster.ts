import { z } from 'zod';

/** What hubs and workers meet at. */
export const fabricSchema = z
  .strictObject({
    servers: z
      .array(z.string())
      .default([])
      .describe('NATS servers that hubs and workers meet at: nats://, tls://, ws:// or wss://'),
    credentials: z
      .string()
      .optional()
      .describe(
        'file with the token of this hub or worker, made by boxswain worker token create; or a NATS .creds file',
      ),
    ca_file: z.string().optional().describe('certificates that vouch for the NATS servers'),
  })
  .prefault({});

/** A worker, and how it joins. */
export const workerSchema = z
  .strictObject({
    id: z.string().optional().describe('name of this worker; default: that of its token'),
    hub: z
      .string()
      .optional()
      .describe(
        'https://… of a hub that gives workers contents, which tokens then name too; nats://… is the same as fabric.servers',
      ),
    token: z
      .string()
      .optional()
      .describe('what boxswain worker token create wrote, itself; wins over the file in fabric.credentials'),
    outbox_directory: z
      .string()
      .optional()
      .describe('where reports lie that no hub has acknowledged; default: outbox/ in directory'),
    slots: z.int().min(1).max(100_000).default(32).describe('workspaces this worker takes'),
    labels: z.record(z.string(), z.string()).default({}).describe('labels for placement'),
    drain_seconds: z
      .int()
      .min(0)
      .max(3600)
      .default(30)
      .describe('how long a worker that is told to end lets its work finish and move; 0: not at all'),
  })
  .prefault({});

/** Which worker gets a new workspace, and who waits for one. */
export const placementSchema = z
  .strictObject({
    required_labels: z
      .record(z.string(), z.string())
      .default({})
      .describe('labels that a worker must have to get workspaces of this hub'),
    queue_seconds: z
      .int()
      .min(0)
      .max(300)
      .default(0)
      .describe('how long a new workspace waits for a free slot; 0: it is refused at once'),
    queue_depth: z.int().min(1).max(10_000).default(1000).describe('workspaces that may wait for a slot in all'),
    queue_per_caller: z.int().min(1).default(100).describe('workspaces that may wait for one caller'),
  })
  .prefault({});

/** When a silent hub or worker is lost. */
export const clusterSchema = z
  .strictObject({
    lease_seconds: z
      .number()
      .min(1)
      .max(300)
      .default(15)
      .describe('a worker or hub that is silent for so long is lost'),
  })
  .prefault({});
