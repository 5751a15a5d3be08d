import { alternateRequests, balanceConnections } from './balancer.ts';
import { type ClusterServices, startClusterServices } from './cluster-services.ts';
import type { NatsServer } from './nats-server.ts';
import type { PostgresServer } from './postgres.ts';
import { type RunningRole, type RunningServer, startRole, startServer } from './server.ts';

export type RunningWorker = RunningRole & { readonly id: string };

export interface Cluster {
  /** Of the plain TCP balancer in front of the hubs. */
  readonly url: string;
  /** Here every request goes to another hub than the one before. */
  readonly alternatingUrl: string;
  readonly services: ClusterServices;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  /** Also those that have ended; balancers leave them out. */
  readonly hubs: RunningServer[];
  readonly workers: RunningWorker[];
  /** Starts it under a new name, or again under one that it had. */
  startHub(name?: string): Promise<RunningServer>;
  /** Starts it under a new name, or again under one that it had. */
  startWorker(id?: string, how?: WorkerStart): Promise<RunningWorker>;
  close(): Promise<void>;
}

export interface WorkerStart {
  readonly env?: Record<string, string>;
  /** A command that starts what follows it, such as `nsenter --net=…`. */
  readonly launcher?: readonly string[];
}

export interface ClusterOptions {
  readonly hubs: number;
  readonly workers: number;
  /** What PostgreSQL has acknowledged is on disk. */
  readonly isDurable?: boolean;
  /** Further settings of every hub and worker. */
  readonly env?: Record<string, string>;
  /** Further settings of one role, by its name: `hub-1`, `worker-3`. */
  readonly envOf?: (name: string) => Record<string, string>;
}

/**
 * A whole cluster on this machine: nats-server that checks credentials, PostgreSQL, an S3-compatible service, hubs behind
 * balancers, and workers, each in a process of its own.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { hubs, workers, env = {}, envOf = () => ({}), isDurable } = options;
  await using started = new AsyncDisposableStack();
  const services = started.adopt(await startClusterServices({ isDurable }), open => open.close());
  const running: { hubs: RunningServer[]; workers: RunningWorker[] } = { hubs: [], workers: [] };
  const ports = () => running.hubs.filter(isRunning).map(hub => Number(new URL(hub.url).port));
  const byConnection = started.adopt(await balanceConnections(ports), balancer => balancer.close());
  const byRequest = started.adopt(await alternateRequests(ports), balancer => balancer.close());
  const hosts = [byConnection, byRequest].map(({ url }) => new URL(url).host);
  const shared = { BOXSWAIN_HTTP_ALLOWED_HOSTS: hosts.join(','), ...env };
  const count = { hubs: 0, workers: 0 };
  // Roles may be started later too, and end before what they stand on.
  let held = started;
  const startHub = async (name = `hub-${++count.hubs}`) => {
    const home = await services.prepare({ hub: name }, name);
    const { directory } = home;
    const hub = await startServer({ role: 'hub', directory, env: { ...home.env, ...shared, ...envOf(name) } });
    held.defer(() => hub.stop());
    running.hubs.push(hub);
    return hub;
  };
  const startWorker = async (id = `worker-${++count.workers}`, how: WorkerStart = {}) => {
    const home = await services.prepare({ worker: id }, id);
    const settings = { ...home.env, ...shared, ...envOf(id), ...how.env };
    const { directory } = home;
    const { launcher } = how;
    const role = await startRole({ directory, env: settings, args: ['worker'], launcher }, /is worker (\S+)/);
    held.defer(() => role.stop());
    const worker = { ...role, id: role.found };
    running.workers.push(worker);
    return worker;
  };
  // The first makes the tables.
  if (hubs > 0) await startHub();
  const others = Array.from({ length: hubs - 1 }, () => startHub());
  await allSettled([...others, ...Array.from({ length: workers }, () => startWorker())]);
  running.hubs.sort(byName);
  running.workers.sort(byName);
  const { nats, postgres } = services;
  const open = started.move();
  held = open;
  return {
    url: byConnection.url,
    alternatingUrl: byRequest.url,
    services,
    nats,
    postgres,
    ...running,
    startHub,
    startWorker,
    async close() {
      // Workers first: they say good-bye to a hub.
      for (const group of [running.workers, running.hubs]) await allSettled(group.map(role => role.stop()));
      await open.disposeAsync();
    },
  };
}

/** Throws the first failure, when nothing goes on any more. */
async function allSettled(steps: readonly Promise<unknown>[]): Promise<void> {
  for (const settled of await Promise.allSettled(steps)) if (settled.status === 'rejected') throw settled.reason;
}

const byName = (a: RunningRole, b: RunningRole): number =>
  a.directory.localeCompare(b.directory, 'en', { numeric: true });

export const isRunning = ({ child }: RunningRole): boolean => child.exitCode === null && child.signalCode === null;
