import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { consent } from '../consent.ts';
import { installedIn } from './claude-settings.ts';
import type { HookCommand, Told, Typed } from './hooks-command.ts';
import { backupPath, readIfThere, type Removal, removeHooks, settingsPath } from './settings-file.ts';
import { readToken } from './token-file.ts';
import { callOperation, declined } from './ways.ts';

/** Takes the hooks out of the settings, and makes their token void. */
export async function remove(typed: Typed, command: HookCommand): Promise<Told> {
  const { tokenFile } = await command.roles.hookAccess(command.flags);
  const path = settingsPath(command.env);
  const installed = installedIn((await readIfThere(path)) ?? '{}');
  const token = (await readToken(tokenFile)) ?? installed?.token;
  if (installed !== undefined) {
    command.terminal.err(`This takes the hooks of Boxswain out of ${path}: ${installed.events.join(', ')}.\n`);
    if (!(await consent(typed, command))) return declined;
  }
  const how = await removeHooks(path);
  const isRevoked = token !== undefined && (await revoke(token, command));
  await rm(tokenFile, { force: true });
  const report = { removed: how !== 'not there', how, settings: path, revoked: isRevoked };
  return { report, lines: [sayings[how](path)] };
}

const sayings: Readonly<Record<Removal, (path: string) => string>> = {
  restored: path => `${path} is what it was before.`,
  'cut out': path =>
    `${path} was changed since; only the hooks were taken out of it. There is no ${backupPath(path)} any more.`,
  'not there': path => `There are no hooks of Boxswain in ${path}.`,
};

async function revoke(token: string, command: HookCommand): Promise<boolean> {
  const sha256 = createHash('sha256').update(token).digest('hex');
  return (await callOperation('hook_token_revoke', { sha256 }, command)).revoked === true;
}
