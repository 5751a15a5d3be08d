import { z } from 'zod';
import { authSchema } from './auth.ts';
import { clusterSchema, fabricSchema, placementSchema, workerSchema } from './cluster.ts';
import { codegenSchema } from './codegen.ts';
import { coderSchema } from './coder.ts';
import { fleetSchema } from './fleet.ts';
import { historySchema } from './history.ts';
import { clientSchema, healthSchema, httpSchema } from './http.ts';
import { limitsSchema } from './limits.ts';
import { logSchema, telemetrySchema } from './observing.ts';
import { auditSchema, blobsSchema, storeSchema, tasksSchema } from './records.ts';
import { sandboxSchema } from './sandbox.ts';
import { sessionsSchema } from './sessions.ts';

/**
 * The whole configuration. Precedence: flag > environment (`BOXSWAIN_…`, then earlier names) > file > these defaults.
 * Keys are snake_case as in the file; `docs/configuration.md` is generated from the descriptions.
 */
export const configSchema = z
  .strictObject({
    directory: z.string().describe('where records, blobs and workspaces lie'),
    toolsets: z.array(z.string()).default([]).describe('toolsets to serve; empty: all that are configured'),
    read_only: z.boolean().default(false).describe('serve only operations that change nothing'),
    http: httpSchema,
    auth: authSchema,
    limits: limitsSchema,
    health: healthSchema,
    telemetry: telemetrySchema,
    log: logSchema,
    sandbox: sandboxSchema,
    store: storeSchema,
    blobs: blobsSchema,
    fabric: fabricSchema,
    worker: workerSchema,
    placement: placementSchema,
    cluster: clusterSchema,
    sessions: sessionsSchema,
    history: historySchema,
    fleet: fleetSchema,
    coder: coderSchema,
    codegen: codegenSchema,
    client: clientSchema,
    audit: auditSchema,
    tasks: tasksSchema,
  })
  .describe('Boxswain configuration');

export type Config = z.output<typeof configSchema>;
