import { readFile, stat } from 'node:fs/promises';
import { AppError } from '../errors/app-error.ts';

const OTHERS = 0o077;

/** The secret in a file that only this user may read. `key` names it in messages. Throws AppError VALIDATION_ERROR. */
export async function readSecretFile(path: string, key: string): Promise<string> {
  const unusable = (problem: string, cause?: unknown) =>
    new AppError('VALIDATION_ERROR', `the file of ${key} ${problem}`, {
      hint: 'check the path, and give the file mode 0600',
      cause,
    });
  let text: string;
  try {
    if (((await stat(path)).mode & OTHERS) !== 0) throw unusable('can be read by others');
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof AppError ? error : unusable('cannot be read', error);
  }
  const secret = text.trim();
  if (secret === '') throw unusable('is empty');
  return secret;
}
