import { join } from 'node:path';
import type { Flags } from './cli/program.ts';
import type { Config } from './config/config.ts';
import { type ConfigKeeper, createConfigKeeper } from './config/config-keeper.ts';
import { loadConfig } from './config/load.ts';
import { createLog, type LevelledLog } from './log/log.ts';

/** What a command runs with. */
export interface Configured {
  readonly config: Config;
  readonly log: LevelledLog;
  readonly keeper: ConfigKeeper;
}

/** How commands come to their configuration: flags, environment and files. Throws AppError for what does not fit. */
export interface Configuring {
  load(flags: Flags, warn: (text: string) => void): Promise<Config>;
  keeperOf(flags: Flags): ConfigKeeper;
  configure(flags: Flags): Promise<Configured>;
}

export function createConfiguring(env: Readonly<Record<string, string | undefined>>): Configuring {
  const load = (flags: Flags, warn: (text: string) => void) =>
    loadConfig({ env, envFile: flags.envFile, flags: flags.settings, file: flags.config, warn });
  const keeperOf = (flags: Flags, options?: { changed: (config: Config) => void }) =>
    createConfigKeeper(
      { env, envFile: flags.envFile, flags: flags.settings, file: flags.config, warn: () => {} },
      options,
    );
  return {
    load,
    keeperOf,
    async configure(flags) {
      const warnings: string[] = [];
      const config = await load(flags, text => warnings.push(text));
      const log = createLog({ level: config.log.level });
      for (const text of warnings) log.warn({}, text);
      const keeper = keeperOf(flags, { changed: fresh => log.setLevel(fresh.log.level) });
      return { config, log, keeper };
    },
  };
}

/** Where the hub of a directory is reached on this machine. */
export const socketsOf = (config: Config) => ({
  http: join(config.directory, 'hub.sock'),
  mcp: join(config.directory, 'mcp.sock'),
});
