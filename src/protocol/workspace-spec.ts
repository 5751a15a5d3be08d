import { z } from 'zod';

/** Limits of one workspace, in the units of the names. */
export const limitsSchema = z.object({
  memory_mb: z.number(),
  cpus: z.number(),
  pids: z.number(),
  disk_mb: z.number(),
  wall_seconds: z.number(),
  output_mb: z.number(),
});
export type Limits = z.output<typeof limitsSchema>;
export type LimitName = keyof Limits;

export const enforcementSchema = z.enum(['hard', 'soft', 'none']);
export type Enforcement = z.output<typeof enforcementSchema>;

/** `host` is exact or `*.suffix`; `port` is one port. */
export const hostRuleSchema = z.object({ host: z.string(), port: z.number() });
export type HostRule = z.output<typeof hostRuleSchema>;

/** What a worker needs to open a workspace. Already validated against the operator's bounds by the hub. */
export const workspaceSpecSchema = z.object({
  limits: limitsSchema,
  /** Limits the caller asked for by name; the worker refuses those it cannot enforce. */
  requested: z.array(z.string()),
  allowSoft: z.boolean(),
  network: z.object({ allow: z.array(hostRuleSchema) }),
  env: z.record(z.string(), z.string()),
  image: z.string().nullable(),
  idleStopSeconds: z.number(),
});
export type WorkspaceSpec = z.output<typeof workspaceSpecSchema>;
