import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A text that changes whenever a session is opened, closed, or begins or ends a turn. Claude Code keeps files for each, whose names and
 * times are all that is looked at: what stands in them is its own affair. Files begin with the number of their process; those of
 * `own` processes are left out, so that our own turns are no signs.
 */
export async function signsOfSessions(config: string, own: readonly number[]): Promise<string> {
  const folder = join(config, 'sessions');
  const left = new Set(own.map(String));
  const names = (await readdir(folder).catch((): string[] => [])).filter(name => !left.has(name.split('.')[0] ?? ''));
  const looks = names.sort().map(async name => {
    const stats = await stat(join(folder, name)).catch(() => undefined);
    return `${name} ${stats?.mtimeMs} ${stats?.size}`;
  });
  return (await Promise.all(looks)).join('\n');
}
