/** Starts two boxes in the given directory, says so, and waits to be killed. */
import { newId } from '../../src/ids/ids.ts';
import { silentLog } from '../../src/log/log.ts';
import { createBubblewrapEngine } from '../../src/worker/sandbox/engines/bubblewrap/engine.ts';
import { createStorageRoom } from '../../src/worker/sandbox/storage.ts';

const directory = process.argv[2] ?? '';
const engine = createBubblewrapEngine({ directory, log: silentLog });
const room = createStorageRoom({ directory, log: silentLog });
const limits = { memory_mb: 128, cpus: 1, pids: 64, disk_mb: 32, wall_seconds: 60, output_mb: 1 };
for (let i = 0; i < 2; i++) {
  const id = newId('box');
  const storage = await room.create(id, { diskMb: limits.disk_mb });
  await engine.create({ id, storage, limits }, AbortSignal.timeout(20_000));
}
console.log('ready');
setInterval(() => {}, 1000);
