import { readFile, stat } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { AppError } from '../../errors/app-error.ts';
import type { CodegenCredentials } from './codegen-client.ts';

type Settings = Pick<Config['codegen'], 'api_token' | 'api_token_file' | 'org_id' | 'base_url'>;

/** What is configured for Codegen; a part that is not is undefined. NOT_CONFIGURED for a token file that cannot be used. */
export async function codegenCredentials(settings: Settings): Promise<Partial<CodegenCredentials>> {
  return { baseUrl: settings.base_url, orgId: settings.org_id, token: await tokenOf(settings) };
}

async function tokenOf({ api_token: token, api_token_file: path }: Settings): Promise<string | undefined> {
  if (token !== undefined || path === undefined) return token;
  try {
    const { mode } = await stat(path);
    // A token that others of the machine can read is no secret.
    if ((mode & 0o077) !== 0) throw unusable('can be read by others: give it mode 0600');
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch (error) {
    throw error instanceof AppError ? error : unusable('cannot be read', error);
  }
}

const unusable = (problem: string, cause?: unknown): AppError =>
  new AppError('NOT_CONFIGURED', `API token not configured: the file in codegen.api_token_file ${problem}`, { cause });
