import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Config } from './config.ts';

/** The service Codegen, and how its runs are looked at. */
export const codegenSchema = z
  .strictObject({
    api_token: z.string().min(1).optional().describe('token for the Codegen API; with one, the toolset is served'),
    api_token_file: z.string().optional().describe('file that holds the token, where api_token is not given'),
    org_id: z.string().min(1).optional().describe('number of the organization at Codegen'),
    base_url: z
      .url({ protocol: /^https?$/ })
      .default('https://api.codegen.com')
      .describe('address of the Codegen API, to which the token is sent'),
    prompt_context: z
      .boolean()
      .default(true)
      .describe('whether repository, branch, pull request and task are named in the prompt too'),
    poll_seconds: z.number().min(0.05).max(60).default(5).describe('time between two looks at runs that go on'),
  })
  .prefault({});

/** Whether the tools for Codegen are listed: with a token, or because somebody asks for them by name. */
export function offersCodegen({ codegen, toolsets }: Pick<Config, 'codegen' | 'toolsets'>): boolean {
  const hasToken = codegen.api_token !== undefined || codegen.api_token_file !== undefined;
  return toolsets.includes('codegen') || (toolsets.length === 0 && hasToken);
}

/** Whether commands are answered on `/mcp`: also before there is a token, which is how one is set there. */
export const takesCommands = ({ toolsets }: Pick<Config, 'toolsets'>): boolean =>
  toolsets.length === 0 || toolsets.includes('codegen');

/** The token in force, wherever it stands; undefined where there is none. NOT_CONFIGURED for a file that cannot be used. */
export async function codegenToken({
  api_token: token,
  api_token_file: path,
}: Pick<Config['codegen'], 'api_token' | 'api_token_file'>): Promise<string | undefined> {
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
