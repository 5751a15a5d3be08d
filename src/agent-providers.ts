import type { Config } from './config/config.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';
import { isCodegenConfigured } from './config/fleet.ts';
import { CodegenGate } from './hub/codegen/gate.ts';
import { createCodegenProvider } from './providers/codegen/codegen-provider.ts';
import { ConfiguredCoder } from './providers/coder/configured-coder.ts';
import type { SharedLimits } from './providers/http/shared-limits.ts';
import type { ProviderSource } from './providers/provider.ts';

/**
 * The providers of agents that there are credentials for, as the configuration has them whenever they are asked for. Throws AppError for
 * credentials that cannot be read now.
 */
export async function openProviders(
  config: Config,
  { shared, keeper }: { shared: SharedLimits; keeper: ConfigKeeper | undefined },
): Promise<ProviderSource> {
  const settings = async () => (keeper === undefined ? config : await keeper.current());
  const coder = new ConfiguredCoder({ settings, shared });
  const gate = new CodegenGate({ config, ...(keeper && { keeper }), shared });
  const codegen = createCodegenProvider({ client: () => gate.client() });
  const source: ProviderSource = async () => {
    const found = [await coder.current(), isCodegenConfigured(await settings()) ? codegen : undefined];
    return found.filter(provider => provider !== undefined);
  };
  await source();
  return source;
}
