import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { footprint } from '../../support/leftovers.ts';
import type { RunningRole } from '../../support/server.ts';

export const CALLERS = 'callers';

export interface Footprint {
  readonly name: string;
  /** What is left after a full collection. */
  readonly liveBytes: number;
  readonly residentBytes: number;
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
  const envOf = (name: string) => ({
    BOXSWAIN_TEST_MEMORY_FILE: fileOf(name),
    NODE_OPTIONS: `--expose-gc --import ${import.meta.resolve('../../support/memory-on-signal.ts')}`,
  });
  const cluster = await startCluster({ ...options, envOf });
  const roles = (): [string, RunningRole][] => [...cluster.hubs, ...cluster.workers].map(role => [nameOf(role), role]);
  const measure = async ([name, role]: [string, RunningRole]): Promise<Footprint> => {
    const pid = role.child.pid ?? assert.fail('no pid');
    const { descriptors } = await footprint(pid);
    await rm(fileOf(name), { force: true });
    process.kill(pid, 'SIGUSR2');
    await eventually(() => existsSync(fileOf(name)), 30_000);
    const { liveBytes, residentBytes } = JSON.parse(await readFile(fileOf(name), 'utf8'));
    return { name, liveBytes, residentBytes, descriptors };
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
