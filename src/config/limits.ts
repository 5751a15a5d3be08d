import { z } from 'zod';

const GIB = 1_073_741_824;
const count = z.int().min(0).max(1_000_000);

const own = z.strictObject({
  workspaces: count.optional(),
  sessions: count.optional(),
  tasks: count.optional(),
  bytes: z.int().min(0).optional(),
  calls_per_minute: z.int().min(1).optional(),
  concurrent_calls: z.int().min(1).optional(),
});

/** What one caller may have and do; `local` has no limits. */
export const limitsSchema = z
  .strictObject({
    workspaces: count.default(20).describe('workspaces of one caller, over all hubs; the local caller has no limits'),
    sessions: count.default(10).describe('sessions of one caller whose agents run, over all hubs'),
    tasks: count.default(200).describe('tasks of one caller that have not ended, over all hubs'),
    bytes: z
      .int()
      .min(0)
      .default(10 * GIB)
      .describe('bytes of artifacts, checkpoints and uploads of one caller, over all hubs'),
    calls_per_minute: z.int().min(1).default(3000).describe('calls of one caller in a minute, at each hub'),
    concurrent_calls: z.int().min(1).default(64).describe('calls of one caller at a time, at each hub'),
    callers: z.record(z.string(), own).default({}).describe('limits of some callers, by their ids, where they differ'),
  })
  .prefault({});

export type LimitsConfig = z.output<typeof limitsSchema>;
