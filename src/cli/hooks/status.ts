import { installedIn, readSettings, TOKEN_VARIABLE } from './claude-settings.ts';
import type { HookCommand, Told } from './hooks-command.ts';
import { forbiddenBy, managedFolder } from './managed-policy.ts';
import { readIfThere, settingsPath } from './settings-file.ts';
import { readToken, tryToken } from './token-file.ts';

/** What is in the settings, what an administrator forbids, and what the server says to the token. Changes nothing. */
export async function status(command: HookCommand): Promise<Told> {
  const { tokenFile, url: own } = await command.roles.hookAccess(command.flags);
  const path = settingsPath(command.env);
  const text = (await readIfThere(path)) ?? '{}';
  const installed = installedIn(text);
  const [url = own] = installed?.urls ?? [];
  const forbidden =
    url === undefined ? [] : await forbiddenBy(command.managedFolder ?? managedFolder(process.platform), url);
  if (readSettings(text).disableAllHooks === true) forbidden.push('disableAllHooks turns all hooks off');
  const token = installed?.token ?? command.env[TOKEN_VARIABLE] ?? (await readToken(tokenFile));
  const server = url === undefined || token === undefined ? 'unknown' : await tryToken(url, token, command.signal);
  const report = {
    installed: installed !== undefined,
    settings: path,
    url: url ?? null,
    events: installed?.events ?? [],
    token_in_settings: installed?.token !== undefined,
    token_file: tokenFile,
    server,
    forbidden,
  };
  const lines = [
    installed === undefined
      ? `There are no hooks of Boxswain in ${path}: boxswain sessions hooks install`
      : `${path} sends ${installed.events.join(', ')} to ${installed.urls.join(', ')}.`,
    ...(installed === undefined ? [] : [SERVER[server]]),
    ...forbidden.map(reason => `Claude Code does not run them: ${reason}.`),
  ];
  return { report, lines };
}

const SERVER = {
  accepted: 'The server takes their token.',
  refused: 'The server does not know their token: boxswain sessions hooks install makes a new one.',
  unreachable: 'The server does not answer there; terminals work as without hooks meanwhile.',
  unknown: 'There is no token for them: boxswain sessions hooks install makes one.',
};
