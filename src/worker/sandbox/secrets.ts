import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../errors/app-error.ts';
import type { Secret } from './redaction.ts';

type Env = Readonly<Record<string, string>>;

const REFERENCE = 'secret:';
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
const MAX_BYTES = 64 * 1024;
/** Anything for group or others. */
const FOREIGN_ACCESS = 0o077;

/** Whether any value names a secret; most environments hold none and need no look at the disk. */
export function namesSecrets(env: Env): boolean {
  for (const name in env) {
    if (env[name]?.startsWith(REFERENCE)) return true;
  }
  return false;
}

/**
 * The environment with values `secret:<name>` replaced by what the operator's file of that name holds, less one trailing newline.
 * Throws POLICY_DENIED for a secret that is not there or that others could read.
 */
export async function resolveSecrets(
  env: Env,
  directory: string | undefined,
): Promise<{ env: Record<string, string>; secrets: Secret[] }> {
  const resolved: Record<string, string> = {};
  const secrets: Secret[] = [];
  for (const [variable, value] of Object.entries(env)) {
    resolved[variable] = value;
    if (!value.startsWith(REFERENCE)) continue;
    const name = value.slice(REFERENCE.length);
    const secret = { name, value: await readSecret(name, directory) };
    secrets.push(secret);
    resolved[variable] = secret.value;
  }
  return { env: resolved, secrets };
}

async function readSecret(name: string, directory: string | undefined): Promise<string> {
  if (directory === undefined || !NAME.test(name)) throw denied(name);
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw denied(name, cause);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile() || (stat.mode & FOREIGN_ACCESS) !== 0 || stat.size > MAX_BYTES) throw denied(name);
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
}

/** One answer for all reasons: which secrets there are is the operator's affair. */
function denied(name: string, cause?: unknown): AppError {
  return new AppError('POLICY_DENIED', `the secret ${JSON.stringify(name)} is not available`, {
    hint: 'ask the operator to provide it as a file of mode 0600 in sandbox.secrets_directory',
    details: { secret: name },
    cause,
  });
}
