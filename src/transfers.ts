import { join } from 'node:path';
import type { TransferRoles } from './cli/transfer.ts';
import { connectSocket } from './cli/socket-client.ts';
import type { Flags } from './cli/program.ts';
import type { Config } from './config/config.ts';
import { AppError } from './errors/app-error.ts';
import type { Log } from './log/log.ts';
import { openBlobs, openStore, prepareDirectory } from './parts.ts';
import { exportTo } from './transfer/export.ts';
import { importFrom } from './transfer/import.ts';

/** `export` and `import` on the store and the blobs that the configuration names. */
export function createTransferRoles(configure: (flags: Flags) => Promise<{ config: Config; log: Log }>): TransferRoles {
  const open = async ({ config, log }: { config: Config; log: Log }) => {
    await prepareDirectory(config.directory);
    const blobs = await openBlobs(config, log);
    const store = await openStore(config);
    return { blobs, store, [Symbol.asyncDispose]: () => store.close() };
  };
  return {
    async exportTo(flags, { file, signal }) {
      await using opened = await open(await configure(flags));
      return await exportTo(file, { ...opened, signal });
    },
    async importFrom(flags, { file, replaces, signal }) {
      const configured = await configure(flags);
      await refuseWhileRunning(configured.config);
      await using opened = await open(configured);
      return await importFrom(file, { ...opened, replaces, signal });
    },
  };
}

/** A hub remembers some of its records: under its feet they must not be exchanged. Those of other machines cannot be seen. */
async function refuseWhileRunning(config: Config): Promise<void> {
  const running = await connectSocket(join(config.directory, 'hub.sock'));
  if (!running) return;
  await running.close();
  throw new AppError('VALIDATION_ERROR', 'a hub of this directory is running', {
    hint: 'stop it, import, and start it again',
  });
}
