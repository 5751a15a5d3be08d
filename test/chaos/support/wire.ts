import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { ClusterServices } from '../../support/cluster-services.ts';
import type { WorkerStart } from '../../support/cluster.ts';
import { startRelay } from './relay.ts';

const run = promisify(execFile);

/** The only way by which one worker reaches NATS and the contents. */
export interface Wire {
  /** How it is cut: between network namespaces, or where the machine has none, in a relay. */
  readonly kind: 'namespace' | 'relay';
  /** What puts a worker at the end of it. */
  readonly start: Required<WorkerStart>;
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

let isPossible: Promise<boolean> | undefined;

/** Whether this process may make network namespaces; found out by making one. `BOXSWAIN_CHAOS_WIRE=relay` does without. */
function canMakeNamespaces(): Promise<boolean> {
  isPossible ??= (async () => {
    if (process.env.BOXSWAIN_CHAOS_WIRE === 'relay') return false;
    const name = `bx-probe-${process.pid}`;
    try {
      await run('ip', ['netns', 'add', name]);
      await run('ip', ['link', 'add', `bxp${process.pid}`, 'type', 'veth', 'peer', 'name', 'up0', 'netns', name]);
      await run('nsenter', [`--net=/run/netns/${name}`, 'true']);
      return true;
    } catch {
      return false;
    } finally {
      await run('ip', ['netns', 'del', name]).catch(() => {});
    }
  })();
  return isPossible;
}

let count = 0;

export async function layWire(services: ClusterServices): Promise<Wire> {
  return (await canMakeNamespaces()) ? layBetweenNamespaces(services) : layThroughRelay(services);
}

const portOf = (url: string): number => Number(new URL(url).port);

/** Both services behind relays that listen at one address. */
async function openRelays({ nats, s3 }: ClusterServices, host: string) {
  const relays = [await startRelay(portOf(nats.url), host), await startRelay(portOf(s3.endpoint), host)] as const;
  const env = {
    BOXSWAIN_FABRIC_SERVERS: `nats://${host}:${relays[0].port}`,
    BOXSWAIN_BLOBS_S3_ENDPOINT: `http://${host}:${relays[1].port}`,
  };
  return { relays, env };
}

async function layThroughRelay(services: ClusterServices): Promise<Wire> {
  const { relays, env } = await openRelays(services, '127.0.0.1');
  return {
    kind: 'relay',
    start: { env, launcher: [] },
    async cut() {
      for (const relay of relays) relay.hold();
    },
    async mend() {
      for (const relay of relays) relay.release();
    },
    close: async () => void (await Promise.all(relays.map(relay => relay.close()))),
  };
}

/** A namespace whose only link leads to this one. Taken down, packets are lost in both directions and no connection is told. */
async function layBetweenNamespaces(services: ClusterServices): Promise<Wire> {
  const at = count++;
  const name = `bx-${process.pid}-${at}`;
  const device = `bx${process.pid % 100_000}x${at}`;
  // Addresses of a private range, four for each wire, spread so that two runs on one machine seldom meet.
  const base = ((process.pid % 250) * 64 + at) * 4;
  const address = (last: number) => `10.217.${Math.floor(base / 256)}.${(base % 256) + last}`;
  await run('ip', ['netns', 'add', name]);
  // A test that is broken off leaves none behind either.
  const remove = () => spawnSync('ip', ['netns', 'del', name]);
  process.once('exit', remove);
  const inside = (...args: string[]) => run('ip', ['-n', name, ...args]);
  await run('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'up0', 'netns', name]);
  await run('ip', ['address', 'add', `${address(1)}/30`, 'dev', device]);
  await run('ip', ['link', 'set', device, 'up']);
  await inside('address', 'add', `${address(2)}/30`, 'dev', 'up0');
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'set', 'up0', 'up');
  const { relays, env } = await openRelays(services, address(1));
  return {
    kind: 'namespace',
    // Not `ip netns exec`, which hides the control groups behind a /sys of its own.
    start: { env, launcher: ['nsenter', `--net=/run/netns/${name}`] },
    cut: async () => void (await run('ip', ['link', 'set', device, 'down'])),
    mend: async () => void (await run('ip', ['link', 'set', device, 'up'])),
    async close() {
      await Promise.all(relays.map(relay => relay.close()));
      process.removeListener('exit', remove);
      await run('ip', ['netns', 'del', name]);
    },
  };
}
