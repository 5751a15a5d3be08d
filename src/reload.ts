import type { Config } from './config/config.ts';
import { takeOver } from './config/reload.ts';
import { AppError } from './errors/app-error.ts';
import type { LevelledLog } from './log/log.ts';

interface Reloading {
  readonly config: Config;
  readonly log: LevelledLog;
  /** Reads the configuration anew. */
  load(): Promise<Config>;
  /** Is called with the new configuration in force. */
  apply?(config: Config): Promise<void>;
}

/** Reloads on SIGHUP what can be reloaded, and says what cannot, until the answer is called. */
export function reloadOnHangUp({ config, log, load, apply }: Reloading): () => void {
  const reload = async () => {
    try {
      const { applied, ignored } = takeOver(config, await load());
      if (applied.includes('log.level')) log.setLevel(config.log.level);
      await apply?.(config);
      log.info({ applied }, 'configuration reloaded');
      if (ignored.length > 0) log.warn({ ignored }, 'these keys have changed and need a restart');
    } catch (error) {
      const problem = error instanceof AppError ? error.message : String(error);
      log.error({ problem }, 'the configuration was not reloaded');
    }
  };
  let last = Promise.resolve();
  const heard = () => {
    last = last.then(reload);
  };
  process.on('SIGHUP', heard);
  return () => void process.removeListener('SIGHUP', heard);
}
