import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../errors/app-error.ts';

const OTHERS = 0o077;

/** The secret in the file; undefined where there is none. Throws AppError POLICY_DENIED where others may read it. */
export async function readToken(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if ((found.mode & OTHERS) !== 0)
    throw new AppError('POLICY_DENIED', 'the file of the hook token can be read by others', {
      hint: 'chmod 600 the file, or remove it and install again: a new token is made then',
    });
  return (await readFile(path, 'utf8')).trim() || undefined;
}

/** Nobody else ever sees it, whatever was there before. */
export async function writeToken(path: string, token: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${token}\n`);
  } finally {
    await file.close();
  }
}

/** What the server at the address says to the token: it is asked with a hook that is none, which does nothing. */
export async function tryToken(
  url: string,
  token: string,
  signal: AbortSignal,
): Promise<'accepted' | 'refused' | 'unreachable'> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: 'POST', headers, body: '{}', signal: limit, redirect: 'manual' }).catch(
    () => undefined,
  );
  await response?.body?.cancel();
  if (response?.status === 400) return 'accepted';
  return response?.status === 401 ? 'refused' : 'unreachable';
}
