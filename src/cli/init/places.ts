import { join } from 'node:path';
import type { Machine } from './client.ts';

/** Where programs of the desktop keep what belongs to their user. */
export function applicationFolder({ platform, home, env }: Machine): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return env.APPDATA || join(home, 'AppData', 'Roaming');
  return env.XDG_CONFIG_HOME || join(home, '.config');
}

/** `~/.config` also on macOS, where programs of the command line use it as on Linux. */
export const configFolder = ({ home, env }: Machine): string => env.XDG_CONFIG_HOME || join(home, '.config');

/** A path as its user would write it. */
export const shown = (path: string, { home }: Machine): string =>
  path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
