import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import { installedIn, withHooks, type Wanted, withoutHooks } from './claude-settings.ts';

const PRIVATE = 0o600;
const EMPTY = '{}\n';

/** The user's settings of Claude Code. */
export const settingsPath = (env: Readonly<Record<string, string | undefined>>): string =>
  join(env.CLAUDE_CONFIG_DIR || join(env.HOME || homedir(), '.claude'), 'settings.json');

export const backupPath = (path: string): string => `${path}.before-boxswain`;

/** Undefined: there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(error);
  }
}

/**
 * Puts our hooks into the settings. What was there before is kept beside them, byte for byte. The file then holds a secret, so that
 * only its owner may read it. False: it was so already.
 */
export async function installHooks(path: string, wanted: Wanted): Promise<boolean> {
  const before = await readIfThere(path);
  const changed = withHooks(before ?? EMPTY, wanted);
  if (changed === before) return false;
  if (before === undefined || installedIn(before) === undefined) {
    // An empty copy stands for a file that was not there.
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await replace(backupPath(path), before ?? '', { mode: before === undefined ? PRIVATE : await modeOf(path) });
  }
  await replace(path, changed, {
    mode: wanted.token === undefined && before !== undefined ? await modeOf(path) : PRIVATE,
  });
  return true;
}

export type Removal = 'restored' | 'cut out' | 'not there';

/** Takes our hooks out again. Where nothing else was changed since, the file becomes what it was, byte for byte. */
export async function removeHooks(path: string): Promise<Removal> {
  const now = await readIfThere(path);
  const installed = now === undefined ? undefined : installedIn(now);
  if (now === undefined || installed === undefined) return 'not there';
  const backup = backupPath(path);
  const before = await readIfThere(backup);
  const { urls, ...rest } = installed;
  const isUntouched = before !== undefined && withHooks(before || EMPTY, { ...rest, url: urls[0] ?? '' }) === now;
  if (isUntouched && before === '') await rm(await target(path));
  else if (isUntouched) await replace(path, before, { mode: await modeOf(backup) });
  else await replace(path, withoutHooks(now), { mode: before ? await modeOf(backup) : await modeOf(path) });
  await rm(backup, { force: true });
  return isUntouched ? 'restored' : 'cut out';
}

/** All at once, where a link leads to: settings are often kept elsewhere. */
async function replace(path: string, text: string, { mode }: { mode: number }): Promise<void> {
  const file = await target(path);
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: PRIVATE, flag: 'wx' });
    await chmod(draft, mode);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw unusable(error);
  }
}

const target = (path: string): Promise<string> => realpath(path).catch(() => path);

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');

const unusable = (cause: unknown): AppError =>
  new AppError('VALIDATION_ERROR', `the settings of Claude Code cannot be read or written (${codeOf(cause)})`, {
    hint: 'check the owner and mode of the file and its folder; nothing was changed',
    cause,
  });
