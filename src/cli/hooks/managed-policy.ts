import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TOKEN_VARIABLE } from './claude-settings.ts';

const policySchema = z.looseObject({
  disableAllHooks: z.boolean().optional().catch(undefined),
  allowManagedHooksOnly: z.boolean().optional().catch(undefined),
  allowedHttpHookUrls: z.array(z.string()).optional().catch(undefined),
  httpHookAllowedEnvVars: z.array(z.string()).optional().catch(undefined),
});

/** Where administrators of machines put settings of Claude Code that users cannot change. */
export const managedFolder = (platform: NodeJS.Platform): string =>
  platform === 'darwin' ? '/Library/Application Support/ClaudeCode' : '/etc/claude-code';

/** What of an administrator's settings in the folder keeps our hooks from working, one line each; empty when nothing does. */
export async function forbiddenBy(folder: string, url: string): Promise<string[]> {
  const reasons: string[] = [];
  for (const file of await managedFiles(folder)) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const policy = policySchema.safeParse(parsedOr(text)).data ?? {};
    const { allowedHttpHookUrls: urls, httpHookAllowedEnvVars: variables } = policy;
    if (policy.disableAllHooks === true) reasons.push('disableAllHooks turns all hooks off');
    if (policy.allowManagedHooksOnly === true)
      reasons.push('allowManagedHooksOnly lets only hooks of the administrator run');
    if (urls !== undefined && !urls.some(pattern => isMatch(pattern, url)))
      reasons.push(`allowedHttpHookUrls does not list ${url}`);
    if (variables !== undefined && !variables.includes(TOKEN_VARIABLE))
      reasons.push(`httpHookAllowedEnvVars does not list ${TOKEN_VARIABLE}`);
  }
  return [...new Set(reasons)];
}

async function managedFiles(folder: string): Promise<string[]> {
  const more = join(folder, 'managed-settings.d');
  const names = await readdir(more).catch(() => []);
  const added = names.filter(name => name.endsWith('.json')).sort();
  return [join(folder, 'managed-settings.json'), ...added.map(name => join(more, name))];
}

/** `*` stands for anything. */
function isMatch(pattern: string, url: string): boolean {
  const parts = pattern.split('*').map(part => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(url);
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
