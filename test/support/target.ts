import { join } from 'node:path';
import { after } from 'node:test';
import Database from 'better-sqlite3';
import pg from 'pg';
import { type Cluster, isRunning, startCluster } from './cluster.ts';
import { type RunningRole, type RunningServer, scratchDirectory, startServer } from './server.ts';

/**
 * What verifications run against, as `BOXSWAIN_TEST_TARGET` says: `solo`, one process that is all of Boxswain, or `cluster`, two hubs
 * that take turns with every request, and workers.
 */
export const isCluster = process.env.BOXSWAIN_TEST_TARGET === 'cluster';

/** One installation with its records; at first it runs. */
export interface Target {
  /** What runs now. In a cluster its directory, process and socket are those of the first hub. */
  readonly server: RunningServer;
  /** Directories of all hubs, at whose sockets the CLI and `boxswain mcp` attach. */
  readonly directories: readonly string[];
  /** What a command that opens the records itself needs in its environment. */
  readonly env: Record<string, string>;
  /** Starts it again on the same records; it must have ended. */
  again(): Promise<RunningServer>;
  /** One statement on the records, with `?` for each value. */
  query(text: string, values?: readonly (string | number)[]): Promise<unknown[]>;
  /** Ends it, if it still runs, and removes all of it. */
  close(): Promise<void>;
}

export interface TargetOptions {
  readonly env?: Record<string, string>;
  /** Of a cluster. */
  readonly workers?: number;
  /** Of a cluster: further settings of one role, by its name. */
  readonly envOf?: (name: string) => Record<string, string>;
}

export function startTarget(options: TargetOptions = {}): Promise<Target> {
  return isCluster ? startClusterTarget(options) : startSoloTarget(options);
}

const shared = new Map<string, Promise<Target>>();
after(async () => {
  for (const target of shared.values()) await (await target).close();
});

/** In a cluster, files that one process runs share it where they want the same; it ends with the process. */
export async function sharedTarget(options: TargetOptions): Promise<Target> {
  if (!isCluster) return await startTarget(options);
  const wanted = JSON.stringify([options.env, options.workers]);
  const target = shared.get(wanted) ?? startTarget(options);
  shared.set(wanted, target);
  return { ...(await target), close: async () => {} };
}

async function startSoloTarget({ env = {} }: TargetOptions): Promise<Target> {
  const scratch = await scratchDirectory();
  const directory = scratch.path;
  let server = await startServer({ directory, env });
  return {
    get server() {
      return server;
    },
    directories: [directory],
    env: {},
    async again() {
      server = await startServer({ directory, env });
      return server;
    },
    async query(text, values = []) {
      using database = closing(new Database(join(directory, 'records.db')));
      const statement = database.value.prepare(text);
      if (statement.reader) return statement.all(...values);
      statement.run(...values);
      return [];
    },
    async close() {
      try {
        await server.stop();
      } finally {
        await scratch.remove();
      }
    },
  };
}

const HUBS = 2;

async function startClusterTarget({ env = {}, workers = 2, envOf }: TargetOptions): Promise<Target> {
  const cluster = await startCluster({ hubs: HUBS, workers, env, envOf });
  const names = { hubs: cluster.hubs.map(nameOf), workers: cluster.workers.map(nameOf) };
  const server = asServer(cluster);
  return {
    server,
    directories: cluster.hubs.map(hub => hub.directory),
    env: (await cluster.services.prepare({ hub: 'command' }, 'command')).env,
    async again() {
      await Promise.all(names.hubs.map(name => cluster.startHub(name)));
      await Promise.all(names.workers.map(name => cluster.startWorker(name)));
      return server;
    },
    async query(text, values = []) {
      const client = new pg.Client({ connectionString: cluster.services.databaseUrl });
      await client.connect();
      try {
        let count = 0;
        return (
          await client.query(
            text.replaceAll('?', () => `$${++count}`),
            [...values],
          )
        ).rows;
      } finally {
        await client.end();
      }
    },
    close: () => cluster.close(),
  };
}

/** All processes of a cluster as one server: they end together, as if the machine did. */
function asServer(cluster: Cluster): RunningServer {
  const roles = (): RunningRole[] => [...cluster.workers, ...cluster.hubs];
  const first = () => {
    const hub = cluster.hubs.find(isRunning) ?? cluster.hubs[0];
    if (hub === undefined) throw new Error('there is no hub');
    return hub;
  };
  return {
    url: cluster.alternatingUrl,
    get directory() {
      return first().directory;
    },
    get child() {
      return first().child;
    },
    log: () =>
      roles()
        .map(role => role.log())
        .join(''),
    async stop() {
      // Workers first: they say good-bye to a hub.
      for (const group of [cluster.workers, cluster.hubs]) await Promise.all(group.map(role => role.stop()));
    },
    async kill() {
      await Promise.all(roles().map(role => role.kill()));
    },
  };
}

const nameOf = ({ directory }: RunningRole): string => directory.split('/').at(-1) ?? '';

const closing = (value: Database.Database): Disposable & { value: Database.Database } => ({
  value,
  [Symbol.dispose]: () => void value.close(),
});
