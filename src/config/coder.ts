import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../errors/app-error.ts';

/** An address as people write it: without scheme it is an https one, and a slash at its end means nothing. */
const serverUrl = z
  .string()
  .transform(text => {
    const trimmed = text.trim().replace(/\/+$/, '');
    return /^[a-z][a-z\d+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  })
  .pipe(z.url({ protocol: /^https?$/ }));

export const coderSchema = z
  .strictObject({
    url: serverUrl
      .optional()
      .describe('address of the Coder server, to which the token is sent; https:// unless it says otherwise'),
    session_token: z
      .string()
      .min(1)
      .optional()
      .describe('session token for Coder; better given by CODER_SESSION_TOKEN'),
    token_file: z.string().optional().describe('file that holds the token, where session_token is not given'),
    timeout_seconds: z.number().min(0.1).max(600).default(30).describe('how long one request to Coder may take'),
    max_retries: z.int().min(0).max(10).default(3).describe('repetitions of a request that is safe to repeat'),
    api: z
      .enum(['auto', 'tasks-v2', 'tasks-experimental', 'chats'])
      .default('auto')
      .describe('what of the API of Coder is used; auto: what the server has'),
    create: z.enum(['tasks', 'chats']).default('tasks').describe('what a new agent is where the server has both'),
    default_template: z.string().min(1).optional().describe('template of a new agent for which none is named'),
  })
  .prefault({});
type CoderConfig = z.output<typeof coderSchema>;

/** Whether there is all that it takes to speak to Coder. */
export const isCoderConfigured = ({ coder }: { coder: CoderConfig }): boolean =>
  coder.url !== undefined && (coder.session_token ?? coder.token_file) !== undefined;

/** Address and token, undefined when one of them is not given. VALIDATION_ERROR for a file that cannot be read or is empty. */
export async function coderAccess({
  coder: { url, session_token: given, token_file: file },
}: {
  coder: CoderConfig;
}): Promise<{ url: string; token: string } | undefined> {
  const token = given ?? (file === undefined ? undefined : await tokenIn(file));
  return url === undefined || token === undefined ? undefined : { url, token };
}

async function tokenIn(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'the file of coder.token_file cannot be read', {
      cause,
      hint: 'check the path and its permissions',
    });
  }
  const token = text.trim();
  if (token === '') throw new AppError('VALIDATION_ERROR', 'the file of coder.token_file is empty');
  return token;
}
