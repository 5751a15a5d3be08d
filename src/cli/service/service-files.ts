import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import { MARK } from './systemd-unit.ts';

const HEADER = `# Settings and secrets of the Boxswain service, NAME=value a line; docs/configuration.md has the names. Keep its mode at 0600.
`;

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The file of a service. Undefined: there is none. AppError CONFLICT for one that somebody else has written. */
export async function readOurs(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(error => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw notWritable(path, error);
  });
  if (text === undefined || text.includes(MARK.slice(2))) return text;
  throw new AppError('CONFLICT', `${path} was written by somebody else`, { hint: 'move it away, then run it again' });
}

/** Writes a file of ours whole or not at all. Throws CONFLICT where somebody else wrote a file of that name. */
export async function writeOurs(path: string, text: string): Promise<void> {
  await readOurs(path);
  const draft = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, text, { mode: 0o644, flag: 'wx' });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw notWritable(path, cause);
  }
}

/** An empty one, where there is none. AppError POLICY_DENIED for one that others can read. */
export async function makeEnvironmentFile(path: string): Promise<void> {
  try {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && (found.mode & 0o077) !== 0)
      throw new AppError('POLICY_DENIED', `${path} can be read by others, and is meant for secrets`, {
        hint: `run: chmod 600 ${path}`,
      });
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    if (found === undefined) await writeFile(path, HEADER, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw error instanceof AppError ? error : notWritable(path, error);
  }
}

const notWritable = (path: string, cause: unknown): AppError =>
  new AppError('POLICY_DENIED', `${path} cannot be read or written`, {
    hint: 'check the owner of its folder; use --user, or run it as root',
    cause,
  });
