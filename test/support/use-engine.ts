/**
 * Makes a box below the given directory as a worker does, runs a command in it, removes both, and puts out as JSON what happened.
 * Imports little, so that any user can run a copy.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../src/log/log.ts';
import { connectBoxd } from '../../src/worker/sandbox/boxd/boxd-client.ts';
import { boxdLimits } from '../../src/worker/sandbox/engines/bubblewrap/boxd-limits.ts';
import { createBubblewrapEngine } from '../../src/worker/sandbox/engines/bubblewrap/engine.ts';
import { createStorageRoom } from '../../src/worker/sandbox/storage.ts';

const ignore = () => {};
const log: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => log };

const [, , directory = '', command = 'true'] = process.argv;
const engine = createBubblewrapEngine({ directory, log });
const report = await engine.probe();
const answer = report.works ? await useBox() : {};
await engine.close();
process.stdout.write(JSON.stringify({ report, ...answer }));

async function useBox(): Promise<object> {
  const room = createStorageRoom({ directory, log, mountsImages: report.limits.disk_mb === 'hard' });
  const limits = { memory_mb: 256, cpus: 1, pids: 32, disk_mb: 64, wall_seconds: 120, output_mb: 1 };
  const storage = await room.create('ws_1', { diskMb: limits.disk_mb });
  const box = await engine.create({ id: 'box_1', storage, limits }, AbortSignal.timeout(30_000));
  const boxd = await connectBoxd(box.channel, boxdLimits(report, limits), box);
  const decoder = new TextDecoder();
  let output = '';
  const end = await boxd.exec(
    { argv: ['bash', '-c', command], cwd: '', env: {}, timeoutMs: 120_000, outputBytes: 1 << 20 },
    {
      signal: AbortSignal.timeout(150_000),
      onOutput: (_stream, bytes) => {
        output += decoder.decode(bytes, { stream: true });
      },
    },
  );
  await box.destroy('stopped');
  await room.remove('ws_1');
  return { exitCode: end.exitCode, limitHit: end.limitHit, output, left: await readdir(join(directory, 'storage')) };
}
