import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { AppError } from '../errors/app-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment, and below it what a `.env` file gives that was named by a flag or by `BOXSWAIN_ENV_FILE`. None is looked for: what
 * lies in a repository is not to be trusted. VALIDATION_ERROR when it cannot be read.
 */
export async function withEnvFile({
  env,
  file,
}: {
  env: Environment;
  file?: string | undefined;
}): Promise<Environment> {
  const path = file ?? (env.BOXSWAIN_ENV_FILE || undefined);
  if (path === undefined) return env;
  try {
    return { ...parseEnv(await readFile(path, 'utf8')), ...env };
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', `cannot read the file of variables ${path}`, {
      cause,
      hint: 'check the path and its permissions',
    });
  }
}
