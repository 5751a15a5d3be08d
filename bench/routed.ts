import { startCluster } from '../test/support/cluster.ts';
import { type Bench, measurement } from './support/measure.ts';
import { type RawClient, rawClient } from './support/raw-client.ts';
import { median, timeEach } from './support/statistics.ts';

const ROUNDS = 5;
const CALLS = 100;
/** As many as it takes until the code of hub and worker, which have just started, is compiled. */
const WARM_UP = 1_000;

type Args = Record<string, unknown>;
/** One that reads, and one that runs: what a call costs beside them is the way. */
const calls: Readonly<Record<string, Args>> = {
  fs_read: { path: 'note' },
  run_python: { context: 'bench', code: '1 + 1' },
};

/** Calls to a worker of another process over a hub and NATS, with records in PostgreSQL, against the same calls in one process. */
export const routed: Bench = {
  name: 'routed',
  run: async server => {
    const cluster = await startCluster({ hubs: 1, workers: 1 });
    const hub = cluster.hubs[0];
    if (!hub) throw new Error('the cluster has no hub');
    const sides = { near: rawClient(server.url, 1), far: rawClient(hub.url, 1) };
    try {
      const places = { near: await prepare(sides.near), far: await prepare(sides.far) };
      const found = [];
      for (const [tool, args] of Object.entries(calls)) {
        const samples: { near: number[]; far: number[] } = { near: [], far: [] };
        const callOf = (side: 'near' | 'far') => () => sides[side].call(tool, { workspace_id: places[side], ...args });
        for (const side of ['near', 'far'] as const) await timeEach(callOf(side), { count: 0, warmUp: WARM_UP });
        for (let round = 0; round < ROUNDS; round++) {
          for (const side of ['near', 'far'] as const) {
            samples[side].push(...(await timeEach(callOf(side), { count: CALLS, warmUp: 20 })));
          }
        }
        found.push(
          measurement({
            name: `${tool} on another worker over NATS, p50`,
            unit: 'ms',
            baseline: 'the same call in process',
            value: median(samples.far),
            baselineValue: median(samples.near),
            budget: { atMostMore: 2 },
          }),
        );
      }
      await sides.near.call('workspace_delete', { workspace_id: places.near });
      return found;
    } finally {
      for (const client of Object.values(sides)) client.close();
      await cluster.close();
    }
  },
};

async function prepare(client: RawClient): Promise<unknown> {
  const { workspace_id } = await client.call('workspace_create', {});
  await client.call('fs_write', { workspace_id, path: 'note', content: 'x' });
  return workspace_id;
}
