import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '../../support/cluster.ts';
import { footprint } from '../../support/leftovers.ts';
import { type Memory, memoryOf, tellingMemory } from '../../support/memory.ts';
import type { RunningRole } from '../../support/server.ts';

export const CALLERS = 'callers';

export interface Footprint extends Memory {
  readonly name: string;
  readonly descriptors: number;
}

/** A cluster whose hubs and workers tell what their memory holds. */
export interface MeasuredCluster extends Cluster {
  footprints(): Promise<Footprint[]>;
  /** How many processes descend from each role. */
  processes(): Promise<number[]>;
  /** Processes by name: roles and what they stand on. */
  pids(): ReadonlyMap<string, number>;
}

export async function startMeasured(options: Omit<ClusterOptions, 'envOf'>): Promise<MeasuredCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'memory-'));
  const fileOf = (name: string) => join(directory, `${name}.json`);
  const envOf = (name: string) => tellingMemory(fileOf(name));
  const cluster = await startCluster({ ...options, envOf });
  const roles = (): [string, RunningRole][] => [...cluster.hubs, ...cluster.workers].map(role => [nameOf(role), role]);
  const measure = async ([name, role]: [string, RunningRole]): Promise<Footprint> => {
    const pid = role.child.pid ?? assert.fail('no pid');
    const { descriptors } = await footprint(pid);
    return { name, descriptors, ...(await memoryOf(pid, fileOf(name))) };
  };
  return {
    ...cluster,
    async footprints() {
      const found: Footprint[] = [];
      for (const role of roles()) found.push(await measure(role));
      return found;
    },
    processes: () => Promise.all(roles().map(async ([, { child }]) => (await footprint(child.pid ?? 0)).children)),
    pids: () =>
      new Map([
        ...roles().map(([name, { child }]) => [name, child.pid ?? 0] as const),
        ['NATS', cluster.nats.pid],
        ['PostgreSQL', cluster.postgres.pid],
        [CALLERS, process.pid],
      ]),
    async close() {
      await cluster.close();
      await rm(directory, { recursive: true });
    },
  };
}

const nameOf = ({ directory }: RunningRole): string => directory.split('/').at(-1) ?? '';
