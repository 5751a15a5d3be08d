import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Bench, measurement } from './support/measure.ts';
import { type RawClient, rawClient } from './support/raw-client.ts';
import { median, timeEach } from './support/statistics.ts';

const BASELINE = "/usr/bin/python3 -c 'print(1)'";

async function startPython(): Promise<void> {
  const child = spawn('/usr/bin/python3', ['-c', 'print(1)'], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.resume();
  await once(child, 'close');
}

/** A run in a warm workspace and the whole way from no workspace to a result, against starting Python by hand. */
export const python: Bench = {
  name: 'python',
  run: async server => {
    const client = rawClient(server.url, 1);
    const { workspace_id } = await client.call('workspace_create', {});
    const samples: { warm: number[]; fresh: number[]; baseline: number[] } = { warm: [], fresh: [], baseline: [] };
    for (let round = 0; round < 5; round++) {
      samples.baseline.push(...(await timeEach(startPython, { count: 30 })));
      samples.warm.push(
        ...(await timeEach(() => client.call('run_python', { workspace_id, code: 'print(1)' }), { count: 40 })),
      );
      samples.fresh.push(...(await timeFresh(client, 10)));
    }
    await client.call('workspace_delete', { workspace_id });
    client.close();
    const common = { unit: 'ms', baseline: BASELINE, baselineValue: median(samples.baseline) };
    return [
      measurement({
        ...common,
        name: 'run_python, warm workspace, p50',
        value: median(samples.warm),
        budget: { atMost: 0.6 },
      }),
      measurement({
        ...common,
        name: 'workspace_create to first result, p50',
        value: median(samples.fresh),
        budget: { atMost: 5 },
      }),
    ];
  },
};

/** Deleting is not measured, but each workspace is deleted before the next is made. */
async function timeFresh(client: RawClient, count: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const { workspace_id } = await client.call('workspace_create', {});
    await client.call('run_python', { workspace_id, code: 'print(1)' });
    samples.push(performance.now() - start);
    await client.call('workspace_delete', { workspace_id });
  }
  return samples;
}
