import { z } from 'zod';

/** Where durable records lie. */
export const storeSchema = z
  .strictObject({
    url: z.string().optional().describe('postgres://… for records that several hubs share; default: SQLite'),
  })
  .prefault({});

/** Where contents lie. */
export const blobsSchema = z
  .strictObject({
    s3: z
      .strictObject({
        bucket: z.string().optional().describe('bucket for contents that several hubs share; default: a directory'),
        endpoint: z.string().optional().describe('address of an S3-compatible service; default: that of Amazon'),
        region: z.string().default('us-east-1').describe('region of the bucket'),
        prefix: z.string().default('blobs/').describe('put in front of every object name'),
        path_style: z.boolean().default(false).describe('names the bucket in the path, as most other services want'),
      })
      .prefault({}),
  })
  .prefault({});

/** The log of who did what. */
export const auditSchema = z
  .strictObject({
    retention_days: z
      .number()
      .min(1)
      .max(36_500)
      .optional()
      .describe('how long audit records are kept; default: for ever'),
  })
  .prefault({});

/** How many tasks may wait, and how long their results are kept. */
export const tasksSchema = z
  .strictObject({
    retention_seconds: z.int().min(60).default(604_800).describe('how long results of tasks are kept'),
    queue_per_workspace: z.int().min(1).default(100).describe('unfinished tasks a workspace may have'),
    queue_per_hub: z.int().min(1).default(10_000).describe('unfinished tasks a hub may have'),
  })
  .prefault({});
