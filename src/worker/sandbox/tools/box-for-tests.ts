import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, configSchema } from '../../../config/config.ts';
import { newId } from '../../../ids/ids.ts';
import { silentLog } from '../../../log/log.ts';
import type { Boxd } from '../boxd/boxd.ts';
import { connectBoxd } from '../boxd/boxd-client.ts';
import { type Finished, shell } from '../boxd/boxd-for-tests.ts';
import { startEgress } from '../egress/egress.ts';
import type { Connection } from '../egress/passage.ts';
import { createBubblewrapEngine } from '../engines/bubblewrap/engine.ts';
import { createStorageRoom } from '../storage.ts';
import type { ToolBox } from './toolbox.ts';

export interface BoxForTests extends ToolBox, AsyncDisposable {
  readonly boxd: Boxd;
  readonly seen: Connection[];
  /** Runs a script in the workspace. */
  sh(command: string): Promise<Finished>;
  /** Writes files of the workspace. */
  put(files: Readonly<Record<string, string>>): Promise<void>;
}

/** A real box with its proxy, and the tools' view of it. */
export async function openBox(sandbox: object = {}, { diskMb = 128 } = {}): Promise<BoxForTests> {
  const directory = await mkdtemp(join(tmpdir(), 'tools-test-'));
  await chmod(directory, 0o711);
  const config: Config['sandbox'] = configSchema.parse({ directory, sandbox }).sandbox;
  const engine = createBubblewrapEngine({ directory, log: silentLog });
  const id = newId('box');
  const room = createStorageRoom({ directory, log: silentLog });
  const storage = await room.create(id, { diskMb });
  const seen: Connection[] = [];
  const egress = await startEgress({
    socketPath: join(directory, 'egress.sock'),
    rules: [],
    privateHosts: config.private_hosts,
    onConnection: connection => seen.push(connection),
  });
  const limits = { memory_mb: 512, cpus: 2, pids: 128, disk_mb: diskMb, wall_seconds: 300, output_mb: 16 };
  const spec = { id, storage, limits, egressSocket: join(directory, 'egress.sock') };
  const box = await engine.create(spec, AbortSignal.timeout(30_000));
  const boxd = await connectBoxd(box.channel, {}, box);
  return {
    boxd,
    config,
    egress,
    outputBytes: 16 * 1024 * 1024,
    signal: new AbortController().signal,
    report: () => {},
    seen,
    sh: command => shell(boxd, command),
    async put(files) {
      for (const [path, text] of Object.entries(files)) {
        await boxd.write({ path, bytes: Buffer.from(text), createDirs: true });
      }
    },
    async [Symbol.asyncDispose]() {
      await box.destroy('stopped');
      await egress.close();
      await engine.close();
      await room.remove(id);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
