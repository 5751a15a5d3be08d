import { isCoderConfigured } from './coder.ts';
import type { Config } from './config.ts';

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
