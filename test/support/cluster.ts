import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../../src/fabric/credentials/authority.ts';
import { natsServerConfig } from '../../src/fabric/credentials/server-config.ts';
import type { Identity } from '../../src/fabric/identity.ts';
import { type NatsServer, startNats } from './nats-server.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { startS3 } from './s3-server.ts';
import { type RunningRole, type RunningServer, startRole, startServer } from './server.ts';

export interface Cluster {
  /** Of the balancer in front of the hubs. */
  readonly url: string;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  readonly hubs: RunningServer[];
  readonly workers: (RunningRole & { readonly id: string })[];
  startHub(): Promise<RunningServer>;
  /** Starts it under a new name, or again under one that it had. */
  startWorker(id?: string): Promise<RunningRole & { id: string }>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly hubs: number;
  readonly workers: number;
  /** Further settings of every hub and worker. */
  readonly env?: Record<string, string>;
}

/**
 * A whole cluster on this machine: nats-server that checks credentials, PostgreSQL, an S3-compatible service, hubs behind a
 * plain TCP balancer, and workers, each in a process of its own.
 */
export async function startCluster({ hubs, workers, env = {} }: ClusterOptions): Promise<Cluster> {
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-cluster-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  // Boxes run as users of their own, who must get through to the workers' directories.
  await chmod(directory, 0o711);
  const authority = await Authority.open(join(directory, 'authority'));
  const config = await natsServerConfig(authority, { resolverDirectory: join(directory, 'resolver') });
  // The test's own server chooses its ports.
  const nats = await startNats({ config: () => config.replace(/^listen: .*$/m, '') });
  started.defer(() => nats.close());
  const postgres = await startPostgres();
  started.defer(() => postgres.close());
  const s3 = await startS3({});
  started.defer(() => s3.close());
  const running: { hubs: RunningServer[]; workers: (RunningRole & { id: string })[] } = { hubs: [], workers: [] };
  const balancer = await balance(() => running.hubs.filter(isThere).map(hub => Number(new URL(hub.url).port)));
  started.defer(() => balancer.close());
  const shared = {
    BOXSWAIN_HTTP_ALLOWED_HOSTS: new URL(balancer.url).host,
    BOXSWAIN_STORE_URL: await postgres.createDatabase(),
    BOXSWAIN_FABRIC_SERVERS: nats.url,
    BOXSWAIN_BLOBS_S3_BUCKET: s3.bucket,
    BOXSWAIN_BLOBS_S3_ENDPOINT: s3.endpoint,
    BOXSWAIN_BLOBS_S3_REGION: s3.region,
    BOXSWAIN_BLOBS_S3_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    ...env,
  };
  let count = 0;
  /** A directory and a credential of its own. */
  const prepare = async (identity: Identity, name: string) => {
    const home = join(directory, name);
    await mkdir(home, { recursive: true, mode: 0o711 });
    const credentials = join(home, 'nats.creds');
    await writeFile(credentials, (await authority.issue(identity)).text, { mode: 0o600 });
    return { directory: home, env: { ...shared, BOXSWAIN_FABRIC_CREDENTIALS: credentials } };
  };
  const startHub = async () => {
    const id = `hub-${++count}`;
    const hub = await startServer({ ...(await prepare({ hub: id }, id)), role: 'hub' });
    started.defer(() => hub.stop());
    running.hubs.push(hub);
    return hub;
  };
  const startWorker = async (id = `worker-${++count}`) => {
    const role = await startRole({ ...(await prepare({ worker: id }, id)), args: ['worker'] }, /is worker (\S+)/);
    started.defer(() => role.stop());
    const worker = { ...role, id: role.found };
    running.workers.push(worker);
    return worker;
  };
  for (let i = 0; i < hubs; i++) await startHub();
  for (let i = 0; i < workers; i++) await startWorker();
  const open = started.move();
  const { url } = balancer;
  return { url, nats, postgres, ...running, startHub, startWorker, close: () => open.disposeAsync() };
}

const isThere = ({ child }: RunningRole): boolean => child.exitCode === null && child.signalCode === null;

/** Gives each connection to the next hub; one whose hub is gone is given to another. */
async function balance(ports: () => number[]): Promise<{ url: string; close(): Promise<void> }> {
  let next = 0;
  const open = new Set<{ destroy(): void }>();
  const server = createServer(client => {
    const choices = ports();
    const target = connect({ host: '127.0.0.1', port: choices[next++ % choices.length] ?? 0 });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(target).pipe(client);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the balancer has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
