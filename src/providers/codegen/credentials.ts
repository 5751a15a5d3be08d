import { codegenToken } from '../../config/codegen.ts';
import type { Config } from '../../config/config.ts';
import type { CodegenCredentials } from './codegen-client.ts';

type Settings = Pick<Config['codegen'], 'api_token' | 'api_token_file' | 'org_id' | 'base_url'>;

/** What is configured for Codegen; a part that is not is undefined. NOT_CONFIGURED for a token file that cannot be used. */
export async function codegenCredentials(settings: Settings): Promise<Partial<CodegenCredentials>> {
  return { baseUrl: settings.base_url, orgId: settings.org_id, token: await codegenToken(settings) };
}
