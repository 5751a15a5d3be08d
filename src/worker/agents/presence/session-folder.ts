import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A text that changes whenever a session is opened, closed, or begins or ends a turn. Claude Code keeps files for each, whose names and
 * times are all that is looked at: what stands in them is its own affair. Files begin with the number of their process; those of
 * `own` processes are left out, so that our own turns are no signs. A prompt waits for this: they are few, and waiting for a thread that
 * reads them would take longer than reading.
 */
export function signsOfSessions(config: string, own: readonly number[]): string {
  const folder = join(config, 'sessions');
  const left = new Set(own.map(String));
  const names = namesIn(folder).filter(name => !left.has(name.split('.')[0] ?? ''));
  const looks = names.sort().map(name => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    return `${name} ${stats?.mtimeMs} ${stats?.size}`;
  });
  return looks.join('\n');
}

/** None where there is no such folder, or it cannot be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
