import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The Python sources of boxd, beside this file. */
export const boxdSources: string = fileURLToPath(new URL('./boxd/', import.meta.url));

/**
 * Copies boxd into `directory` together with its compiled form, and answers the folder to bind into boxes. A box cannot
 * compile it, because the folder is read-only there, and without that every start would cost 20 ms more. Any user may read the
 * folder; the caller removes it.
 */
export async function stageBoxd(directory: string, { python = '/usr/bin/python3' } = {}): Promise<string> {
  const temporary = await mkdtemp(join(directory, 'boxd-'));
  try {
    const staged = join(temporary, 'boxd');
    for (const name of await readdir(boxdSources)) {
      if (name.endsWith('.py')) await cp(join(boxdSources, name), join(staged, name), { preserveTimestamps: true });
    }
    // Unchecked: the copy never changes, so a start need not compare times.
    const compile = ['-I', '-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', staged];
    await promisify(execFile)(python, compile, { env: {} });
    await promisify(execFile)('/bin/chmod', ['-R', 'a+rX', temporary], { env: {} });
    return staged;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
