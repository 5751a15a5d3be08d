import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Cluster, type RunningWorker, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { RunningServer } from '../../support/server.ts';
import { call } from './client.ts';
import { Executions } from './executions.ts';
import { mountSmallDisk, type SmallDisk } from './full-disk.ts';
import { Load, MARK } from './load.ts';
import { Records } from './records.ts';
import { layWire, type Wire } from './wire.ts';

export interface Size {
  readonly hubs: number;
  readonly workers: number;
  readonly workspaces: number;
  readonly leaseSeconds: number;
}

interface Member {
  readonly name: string;
  readonly wire: Wire;
  /** Holds its outbox. */
  readonly disk: SmallDisk;
  process: RunningWorker;
}

const listSchema = z.object({ workers: z.array(z.looseObject({ worker_id: z.string(), state: z.string() })) });
const viewSchema = z.looseObject({ worker_id: z.string(), workspace_id: z.string() });
/** Fine enough for the table, and no load that would itself hold up what it waits for. */
const PROBE_MS = 200;
const PROBE_TIMEOUT_MS = 3_000;
const GIVEN_UP_MS = 120_000;
const MAX_SPARES = 16;

/** A cluster under load, with everything that looks on. */
export class World {
  readonly size: Size;
  readonly cluster: Cluster;
  readonly members: readonly Member[];
  readonly load: Load;
  readonly executions = new Executions(MARK);
  readonly records: Records;
  readonly #told = new Set<string>();

  private constructor(size: Size, parts: { cluster: Cluster; members: Member[] }) {
    this.size = size;
    this.cluster = parts.cluster;
    this.members = parts.members;
    this.load = new Load(parts.cluster.url);
    this.records = new Records(parts.cluster.services.databaseUrl);
  }

  static async start(size: Size): Promise<World> {
    // What a lost worker held finds boxes that are ready at the others.
    const spares = Math.min(MAX_SPARES, Math.ceil(size.workspaces / size.workers / (size.workers - 1)) + 4);
    const env = {
      BOXSWAIN_CLUSTER_LEASE_SECONDS: String(size.leaseSeconds),
      BOXSWAIN_WORKER_DRAIN_SECONDS: '0',
      BOXSWAIN_SANDBOX_SPARE_BOXES: String(spares),
    };
    const cluster = await startCluster({ hubs: size.hubs, workers: 0, env, isDurable: true });
    const members: Member[] = [];
    for (let at = 1; at <= size.workers; at++) {
      const name = `worker-${at}`;
      const wire = await layWire(cluster.services);
      const disk = await mountSmallDisk();
      const process = await cluster.startWorker(name, startOf({ wire, disk }));
      members.push({ name, wire, disk, process });
    }
    const world = new World(size, { cluster, members });
    world.executions.start();
    await world.load.start(size.workspaces);
    return world;
  }

  get hubs(): readonly RunningServer[] {
    return this.cluster.hubs.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  }

  /** The worker that holds most, and what it holds. */
  async busiest(): Promise<{ member: Member; held: string[] }> {
    const all = await Promise.all(this.members.map(async member => ({ member, held: await this.heldBy(member.name) })));
    const [most] = all.sort((a, b) => b.held.length - a.held.length);
    return most ?? assert.fail('there is no worker');
  }

  /** Starts the worker of a member again, whose process has ended. */
  async restart(member: Member, env: Record<string, string> = {}): Promise<void> {
    member.process = await this.cluster.startWorker(member.name, startOf(member, env));
  }

  /** Workspaces that a worker holds now, as a hub says. */
  async heldBy(name: string, among: readonly string[] = this.load.workspaces): Promise<string[]> {
    const views = await Promise.all(
      among.map(async workspace_id => {
        const answer = await call(this.cluster.url, 'workspace_get', { workspace_id });
        return answer.kind === 'ok' ? [viewSchema.parse(answer.body)] : [];
      }),
    );
    return views.flat().flatMap(view => (view.worker_id === name ? [view.workspace_id] : []));
  }

  /**
   * Waits until each of these workspaces has answered a call that was made after this moment; answers the seconds until the last
   * did. `probe` is the call.
   */
  async allAnswer(workspaces: readonly string[], probe: Probe): Promise<number> {
    const start = performance.now();
    const one = async (workspace_id: string) => {
      while (true) {
        const { tool, args } = probe;
        const answer = await call(this.cluster.url, tool, { workspace_id, ...args }, { timeoutMs: PROBE_TIMEOUT_MS });
        if (answer.kind === 'ok') return;
        if (performance.now() - start > GIVEN_UP_MS)
          throw new Error(`${workspace_id} does not answer: ${JSON.stringify(answer)}`);
        await delay(PROBE_MS);
      }
    };
    await Promise.all(workspaces.map(one));
    return (performance.now() - start) / 1000;
  }

  /** All is as it was: hubs and workers live, each workspace answers, and work goes on. */
  async settle(): Promise<void> {
    await eventually(
      async () => this.hubs.length === this.size.hubs && (await this.#liveWorkers()) === this.size.workers,
      GIVEN_UP_MS,
    );
    await this.allAnswer(this.load.workspaces, READ);
    await this.load.more(this.load.workspaces.length);
  }

  /** Everything that must hold at any time; throws with what does not, once. */
  async check(): Promise<void> {
    const faults = [
      ...this.load.faults,
      ...(await this.records.faults(this.load.told.values())),
      ...(await this.#doubled()),
    ];
    const fresh = faults.filter(fault => !this.#told.has(fault));
    for (const fault of fresh) this.#told.add(fault);
    assert.deepEqual(fresh.slice(0, 20), [], `${fresh.length} faults`);
  }

  async close(): Promise<void> {
    await this.load.stop();
    this.executions.stop();
    await this.cluster.close();
    await this.#keepLogs(process.env.BOXSWAIN_CHAOS_LOGS);
    for (const { wire, disk } of this.members) {
      await wire.close();
      await disk.close();
    }
  }

  /** For whoever looks for the cause of a fault. */
  async #keepLogs(directory: string | undefined): Promise<void> {
    if (!directory) return;
    await mkdir(directory, { recursive: true });
    for (const [at, role] of [...this.cluster.hubs, ...this.cluster.workers].entries()) {
      const name = role.directory.split('/').at(-1);
      await writeFile(join(directory, `${name}-${at}.log`), role.log());
    }
  }

  async #doubled(): Promise<string[]> {
    return await Promise.all(
      this.executions.doubled.map(async ({ mark, runs }) => {
        const history = await this.records.historyOf(mark);
        return [`${mark} ran twice:`, ...runs, ...history].join('\n  ');
      }),
    );
  }

  async #liveWorkers(): Promise<number> {
    const response = await fetch(`${this.cluster.url}/api/workers`).catch(() => undefined);
    if (!response?.ok) return 0;
    return listSchema.parse(await response.json()).workers.filter(({ state }) => state === 'live').length;
  }
}

export interface Probe {
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

/** Reaches the box of the workspace and waits for no work. */
export const READ: Probe = { tool: 'fs_read', args: { path: 'kept' } };
/** Reaches the records only. */
export const ASK: Probe = { tool: 'task_list', args: { limit: 1 } };
/** Is accepted as new work; does not wait for it to be done. */
export const RUN: Probe = { tool: 'run_command', args: { command: 'true', wait_seconds: 0 } };

const startOf = ({ wire, disk }: Pick<Member, 'wire' | 'disk'>, env: Record<string, string> = {}) => ({
  ...wire.start,
  env: { ...wire.start.env, BOXSWAIN_WORKER_OUTBOX_DIRECTORY: disk.path, ...env },
});
