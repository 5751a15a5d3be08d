import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where records, blobs and workspaces lie by default. As root outside of any home, because boxes run as other users. */
export function defaultDirectory(env: Environment): string {
  if (process.getuid?.() === 0) return '/var/lib/boxswain';
  return join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'boxswain');
}

/** The configuration file, unless `--config` or `BOXSWAIN_CONFIG` names another; `BOXSWAIN_CONFIG_DIR` names its folder. */
function defaultConfigFile(env: Environment): string {
  const folder = env.BOXSWAIN_CONFIG_DIR || env.CODEZ_CONFIG_DIR || env.CODEZERO_CONFIG_DIR;
  if (folder) return join(folder, 'config.json');
  return join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'boxswain', 'config.json');
}

/** The configuration file in force. */
export const configFileOf = ({ file, env }: { file?: string; env: Environment }): string =>
  file ?? env.BOXSWAIN_CONFIG ?? defaultConfigFile(env);
