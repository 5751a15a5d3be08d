import { randomUUID } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../errors/app-error.ts';

const PRIVATE = 0o600;

/** Beside the file; what it held before Boxswain changed it, byte for byte. */
export const backupPath = (path: string): string => `${path}.before-boxswain`;

/** The file as text. Undefined: there is none. Throws AppError where it cannot be read, or is no text. */
export async function readIfThere(path: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !(await isLink(path))) return undefined;
    throw unusable(error);
  }
  const text = bytes.toString('utf8');
  // Bytes that are no text would not come back as they were.
  if (!Buffer.from(text).equals(bytes)) throw unusable('not UTF-8');
  return text;
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

export interface Replacement {
  /** What the file holds now, as it was read: something else there, and nothing is written. */
  readonly before: string | undefined;
  /** Undefined: the file is taken away. */
  readonly after: string | undefined;
  /** What a restoration or an undo makes void. */
  readonly backup: 'write' | 'keep' | 'drop';
}

/**
 * Writes a file all at once, where a link leads to, with the mode and owner that it had; a new one is for its owner alone. What was
 * there is kept beside it first. Throws AppError when it was changed meanwhile or cannot be written; it is then as it was.
 */
export async function replaceFile(path: string, { before, after, backup }: Replacement): Promise<void> {
  try {
    if ((await readIfThere(path)) !== before)
      throw new AppError('CONFLICT', 'the file was changed meanwhile', { hint: 'run the command again' });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (backup === 'write' && before !== undefined) await write(backupPath(path), before, { like: path });
    if (after === undefined) await rm(await target(path), { force: true });
    else await write(path, after, { like: path });
    if (backup === 'drop') await rm(backupPath(path), { force: true });
  } catch (error) {
    throw error instanceof AppError ? error : unusable(error);
  }
}

async function write(path: string, text: string, { like }: { like: string }): Promise<void> {
  const file = await target(path);
  const draft = `${file}.${randomUUID()}`;
  const model = await stat(like).catch(() => undefined);
  try {
    await writeFile(draft, text, { mode: PRIVATE, flag: 'wx' });
    if (model !== undefined) {
      // As root the file stays that of its user.
      if (process.getuid?.() === 0) await chown(draft, model.uid, model.gid);
      await chmod(draft, model.mode & 0o777);
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

const target = (path: string): Promise<string> => realpath(path).catch(() => path);

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    found => found.isSymbolicLink(),
    () => false,
  );

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'what should be its folder is a file',
  ENOENT: 'it is a link to a file that is not there',
  ELOOP: 'its links lead in a circle',
};

function unusable(cause: unknown): AppError {
  const code = codeOf(cause);
  return new AppError('VALIDATION_ERROR', `the file cannot be read or written: ${REASONS[code] ?? code}`, {
    hint: 'check what it is, its owner and mode, and those of its folder; it was not changed',
    cause,
  });
}
