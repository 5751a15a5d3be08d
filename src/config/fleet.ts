import { z } from 'zod';
import { isCoderConfigured } from './coder.ts';
import type { Config } from './config.ts';

/** Who watches agents elsewhere, and when that is worth telling. */
export const fleetSchema = z
  .strictObject({
    watch: z.boolean().default(false).describe('watch providers of agents for events also while nobody reads these'),
    capacity_threshold: z
      .number()
      .gt(0)
      .max(1)
      .default(0.9)
      .describe('share of busy agents at which capacity_warning is told'),
    conflict_window_seconds: z
      .int()
      .min(0)
      .max(3600)
      .default(30)
      .describe('a change of an agent names the last one that another caller made within so long'),
  })
  .prefault({});

/** Whether there are a token and an organization. */
export const isCodegenConfigured = ({ codegen }: Pick<Config, 'codegen'>): boolean =>
  (codegen.api_token ?? codegen.api_token_file) !== undefined && codegen.org_id !== undefined;

/** Whether agents of all providers are listed: where one is configured, or because somebody asks for the tools by name. */
export function offersFleet(config: Pick<Config, 'toolsets' | 'coder' | 'codegen'>): boolean {
  const { toolsets } = config;
  return (
    toolsets.includes('fleet') || (toolsets.length === 0 && (isCoderConfigured(config) || isCodegenConfigured(config)))
  );
}
