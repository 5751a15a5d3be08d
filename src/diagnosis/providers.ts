import type { Check } from '../cli/doctor.ts';
import { createCoderProvider } from '../providers/coder/create-coder-provider.ts';
import { SharedLimits } from '../providers/http/shared-limits.ts';
import { attempted, type Subject } from './checks.ts';

const PATIENCE_MS = 60_000;

/** Whether the providers of agents that are configured take our credentials. */
export async function providerChecks({ config }: Subject): Promise<Check[]> {
  const { url, session_token: token, token_file: file } = config.coder;
  if (url === undefined && token === undefined && file === undefined) return [];
  return await attempted('coder', 'set CODER_URL and CODER_SESSION_TOKEN', async () => {
    const coder = await createCoderProvider(config, { shared: new SharedLimits() });
    if (!coder) {
      const missing = url === undefined ? 'CODER_URL' : 'CODER_SESSION_TOKEN';
      return [{ name: 'coder', state: 'warn', detail: `${missing} is not set`, fix: `set ${missing}` }];
    }
    const user = await coder.whoAmI({ signal: AbortSignal.timeout(PATIENCE_MS) });
    return [{ name: 'coder', state: 'ok', detail: `${url} knows the token as that of ${user}` }];
  });
}
