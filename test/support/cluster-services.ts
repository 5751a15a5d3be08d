import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../../src/fabric/credentials/authority.ts';
import { natsServerConfig } from '../../src/fabric/credentials/server-config.ts';
import type { Identity } from '../../src/fabric/identity.ts';
import { type NatsServer, startNats } from './nats-server.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type S3Server, startS3 } from './s3-server.ts';

/** What a cluster stands on: nats-server that checks credentials, PostgreSQL, an S3-compatible service. */
export interface ClusterServices {
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  readonly s3: S3Server;
  readonly databaseUrl: string;
  /** A directory of its own for a role, with its credential; again under the same name: the same directory. */
  prepare(identity: Identity, name: string): Promise<Home>;
  close(): Promise<void>;
}

export interface Home {
  readonly directory: string;
  /** The settings of a role that lives here. */
  readonly env: Record<string, string>;
}

export async function startClusterServices({ isDurable = false } = {}): Promise<ClusterServices> {
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'boxswain-cluster-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  // Boxes run as users of their own, who must get through to the workers' directories.
  await chmod(directory, 0o711);
  const authority = await Authority.open(join(directory, 'authority'));
  const config = await natsServerConfig(authority, { resolverDirectory: join(directory, 'resolver') });
  // The test's own server chooses its ports.
  const kept = async <Service extends { close(): Promise<void> }>(starting: Promise<Service>) =>
    started.adopt(await starting, service => service.close());
  const starting = [
    kept(startNats({ config: () => config.replace(/^listen: .*$/m, '') })),
    kept(startPostgres({ isDurable })),
    kept(startS3({})),
  ] as const;
  // What has started is ended, also when another has not.
  await Promise.allSettled(starting);
  const [nats, postgres, s3] = await Promise.all(starting);
  const databaseUrl = await postgres.createDatabase();
  const shared = {
    BOXSWAIN_STORE_URL: databaseUrl,
    BOXSWAIN_FABRIC_SERVERS: nats.url,
    BOXSWAIN_BLOBS_S3_BUCKET: s3.bucket,
    BOXSWAIN_BLOBS_S3_ENDPOINT: s3.endpoint,
    BOXSWAIN_BLOBS_S3_REGION: s3.region,
    BOXSWAIN_BLOBS_S3_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  };
  const open = started.move();
  return {
    nats,
    postgres,
    s3,
    databaseUrl,
    async prepare(identity, name) {
      const home = join(directory, name);
      await mkdir(home, { recursive: true, mode: 0o711 });
      const credentials = join(home, 'nats.creds');
      await writeFile(credentials, (await authority.issue(identity)).text, { mode: 0o600 });
      return { directory: home, env: { ...shared, BOXSWAIN_FABRIC_CREDENTIALS: credentials } };
    },
    close: () => open.disposeAsync(),
  };
}
