import type { Config } from '../../config/config.ts';
import { coderAccess } from '../../config/coder.ts';
import type { SharedLimits } from '../http/shared-limits.ts';
import { CoderProvider } from './coder-provider.ts';

/** Coder as configured; undefined where address or token are missing. VALIDATION_ERROR for a token file that cannot be read. */
export async function createCoderProvider(
  { coder }: Pick<Config, 'coder'>,
  { shared }: { shared: SharedLimits },
): Promise<CoderProvider | undefined> {
  const access = await coderAccess({ coder });
  return (
    access &&
    new CoderProvider({
      ...access,
      timeoutMs: coder.timeout_seconds * 1000,
      maxRetries: coder.max_retries,
      api: coder.api,
      create: coder.create,
      defaultTemplate: coder.default_template,
      shared,
    })
  );
}
