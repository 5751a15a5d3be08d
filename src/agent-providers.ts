import type { Config } from './config/config.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';
import { isCodegenConfigured } from './config/fleet.ts';
import { CodegenGate } from './hub/codegen/gate.ts';
import { createCodegenProvider } from './providers/codegen/codegen-provider.ts';
import { createCoderProvider } from './providers/coder/create-coder-provider.ts';
import type { SharedLimits } from './providers/http/shared-limits.ts';
import type { AgentProvider } from './providers/provider.ts';

/** The providers of agents that the configuration has credentials for. Throws AppError for credentials that cannot be read. */
export async function openProviders(
  config: Config,
  { shared, keeper }: { shared: SharedLimits; keeper: ConfigKeeper | undefined },
): Promise<AgentProvider[]> {
  const coder = await createCoderProvider(config, { shared });
  const gate = new CodegenGate({ config, ...(keeper && { keeper }), shared });
  const codegen = isCodegenConfigured(config) ? createCodegenProvider({ client: () => gate.client() }) : undefined;
  return [coder, codegen].filter(provider => provider !== undefined);
}
