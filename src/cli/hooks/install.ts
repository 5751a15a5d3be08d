import { AppError } from '../../errors/app-error.ts';
import { consent } from '../consent.ts';
import { readSettings, shownChange, TOKEN_VARIABLE, type Wanted } from './claude-settings.ts';
import type { HookAccess, HookCommand, Told, Typed } from './hooks-command.ts';
import { forbiddenBy, managedFolder } from './managed-policy.ts';
import { backupPath, installHooks, readIfThere, settingsPath } from './settings-file.ts';
import { readToken, tryToken, writeToken } from './token-file.ts';
import { callOperation, declined } from './ways.ts';

const PATH = '/api/hooks/claude';

/** Shows the change, asks, and makes it. Throws AppError with the way out; nothing is changed then. */
export async function install(typed: Typed, command: HookCommand): Promise<Told> {
  const access = await command.roles.hookAccess(command.flags);
  const url = urlOf(typed.url, access);
  const path = settingsPath(command.env);
  const before = await readIfThere(path);
  const reasons = await forbiddenBy(command.managedFolder ?? managedFolder(process.platform), url);
  if (readSettings(before ?? '{}').disableAllHooks === true)
    reasons.push('disableAllHooks in your own settings turns all hooks off');
  if (reasons.length > 0)
    throw new AppError('POLICY_DENIED', `Claude Code would not run these hooks: ${reasons.join('; ')}`, {
      hint: 'ask who administers this machine; nothing was changed',
      details: { reasons },
    });
  const isInSettings = typed.env !== false;
  const planned: Wanted = { url, holdSeconds: access.holdSeconds, token: isInSettings ? '' : undefined };
  command.terminal.err(`${planOf(path, planned, { ...access, isThere: before !== undefined })}\n`);
  if (!(await consent(typed, command))) return declined;
  const token = await tokenFor(access, url, command);
  const hasChanged = await installHooks(path, { ...planned, token: isInSettings ? token : undefined });
  const lines = [hasChanged ? 'The hooks are installed.' : 'The hooks were installed already; nothing was changed.'];
  if (!isInSettings)
    lines.push(`Start Claude Code with ${TOKEN_VARIABLE}="$(cat '${access.tokenFile}')" in its environment.`);
  const files = { settings: path, backup: backupPath(path), token_file: access.tokenFile };
  return { report: { installed: true, changed: hasChanged, url, ...files }, lines };
}

function planOf(path: string, planned: Wanted, { tokenFile, isThere }: HookAccess & { isThere: boolean }): string {
  const kept = isThere ? `What is there now is kept as ${backupPath(path)}.` : 'The file is new.';
  const secret = `The token lies in ${tokenFile}, mode 0600`;
  const where =
    planned.token === undefined ? `${secret}.` : `${secret}, and in these settings, which get mode 0600 too.`;
  return [`This is added to ${path}:`, '', shownChange(planned), '', kept, where].join('\n');
}

/** A server alone is enough. */
function urlOf(typed: unknown, { url }: HookAccess): string {
  if (typeof typed === 'string') {
    const given = URL.parse(typed);
    if (given === null || !['http:', 'https:'].includes(given.protocol))
      throw new AppError('VALIDATION_ERROR', `--url takes an http or https address, got "${typed}"`);
    if (given.pathname === '/') given.pathname = PATH;
    return given.href;
  }
  if (url !== undefined) return url;
  throw new AppError('VALIDATION_ERROR', 'the server takes another port at each start, so hooks would not find it', {
    hint: 'set http.port, or name the address with --url',
  });
}

/** That of the file as long as the server takes it; else a new one of the hub of this machine. */
async function tokenFor({ tokenFile, url: own }: HookAccess, url: string, command: HookCommand): Promise<string> {
  const known = await readToken(tokenFile);
  const verdict = known === undefined ? 'refused' : await tryToken(url, known, command.signal);
  if (known !== undefined && verdict !== 'refused') return known;
  if (url !== own)
    throw new AppError('UNAUTHORIZED', `there is no token for ${url} in ${tokenFile}`, {
      hint: 'put what `boxswain sessions hooks token` prints on the machine of that server into the file, mode 0600',
    });
  const { token } = await callOperation('hook_token_create', {}, command);
  if (typeof token !== 'string') throw new Error('a token was made that is none');
  await writeToken(tokenFile, token);
  return token;
}
