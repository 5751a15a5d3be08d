import type { Check } from '../cli/doctor.ts';
import { createCodegenClient } from '../providers/codegen/codegen-client.ts';
import { codegenCredentials } from '../providers/codegen/credentials.ts';
import { ConfiguredCoder } from '../providers/coder/configured-coder.ts';
import { SharedLimits } from '../providers/http/shared-limits.ts';
import { attempted, type Subject } from './checks.ts';

const PATIENCE_MS = 60_000;

/** Whether the providers of agents that are configured take our credentials. */
export async function providerChecks(subject: Subject): Promise<Check[]> {
  const checks = await Promise.all([coderChecks(subject), codegenChecks(subject)]);
  return checks.flat();
}

async function coderChecks({ config }: Subject): Promise<Check[]> {
  const { url, session_token: token, token_file: file } = config.coder;
  if (url === undefined && token === undefined && file === undefined) return [];
  return await attempted('coder', 'set CODER_URL and CODER_SESSION_TOKEN', async () => {
    const coder = await new ConfiguredCoder({ settings: async () => config, shared: new SharedLimits() }).current();
    if (!coder) {
      const missing = url === undefined ? 'CODER_URL' : 'CODER_SESSION_TOKEN';
      return [{ name: 'coder', state: 'warn', detail: `${missing} is not set`, fix: `set ${missing}` }];
    }
    const user = await coder.whoAmI({ signal: AbortSignal.timeout(PATIENCE_MS) });
    return [{ name: 'coder', state: 'ok', detail: `${url} knows the token as that of ${user}` }];
  });
}

async function codegenChecks({ config: { codegen } }: Subject): Promise<Check[]> {
  if (codegen.api_token === undefined && codegen.api_token_file === undefined) return [];
  return await attempted('codegen', 'set CODEGEN_API_TOKEN and CODEGEN_ORG_ID', async () => {
    const { baseUrl, orgId, token } = await codegenCredentials(codegen);
    const missing = token === undefined ? 'CODEGEN_API_TOKEN' : 'CODEGEN_ORG_ID';
    if (token === undefined || orgId === undefined || baseUrl === undefined)
      return [{ name: 'codegen', state: 'warn', detail: `${missing} is not set`, fix: `set ${missing}` }];
    const client = createCodegenClient({ baseUrl, orgId, token }, { shared: new SharedLimits() });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { githubName } = await client.getMe({ signal });
    // That the token is known does not say that it may use the organization.
    const { total } = await client.listRuns({ skip: 0, limit: 1 }, { signal });
    return [
      {
        name: 'codegen',
        state: 'ok',
        detail: `${baseUrl} knows the token as that of ${githubName}; organization ${orgId} has ${total} runs`,
      },
    ];
  });
}
