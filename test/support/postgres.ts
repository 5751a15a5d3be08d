import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chown, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
const PACKAGED = '/usr/lib/postgresql';
const USER = 'boxswain';
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

export interface PostgresServer {
  readonly pid: number;
  /** Makes an empty database, or a copy of one that nobody is connected to; its URL for `createPostgresStore`. */
  createDatabase(original?: string): Promise<string>;
  /** `kill -9` of all its processes, waited for. */
  kill(): Promise<void>;
  /** Starts it again on the same records. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a real PostgreSQL of Debian's packages in a temporary directory, on a unix socket. It refuses to run as root, so
 * root starts it as `nobody`. Installs the package where that is possible; throws where it is not. `isDurable`: what it has
 * acknowledged is on disk, as in earnest.
 */
export async function startPostgres({ isDurable = false } = {}): Promise<PostgresServer> {
  const bin = (await findBinaries()) ?? (await installBinaries());
  const owner = await unprivileged();
  const directory = await mkdtemp(join(tmpdir(), 'pg-'));
  if (owner) await chown(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  const options = { ...owner, cwd: directory };
  await run('cp', ['--archive', '--reflink=auto', await newRecords(bin, owner), data]);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: directory,
    fsync: isDurable ? 'on' : 'off',
    max_connections: '200',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const start = () =>
    readiness(
      spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...options, stdio: ['ignore', 'ignore', 'pipe'] }),
    );
  let server = await start();
  const killed = () => server.kill('SIGKILL');
  process.once('exit', killed);

  const urlOf = (database: string) => `postgres://${USER}@localhost/${database}?host=${encodeURIComponent(directory)}`;
  let databases = 0;
  return {
    get pid() {
      return server.pid ?? 0;
    },
    async createDatabase(original) {
      databases += 1;
      const template = original === undefined ? 'template1' : new URL(original).pathname.slice(1);
      const admin = new pg.Client({ connectionString: urlOf('postgres') });
      await admin.connect();
      await admin.query(`create database test_${databases} template ${template}`);
      await admin.end();
      return urlOf(`test_${databases}`);
    },
    async kill() {
      const backends = await childrenOf(server.pid ?? 0);
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      for (const pid of backends) killIfThere(pid);
      await exited;
    },
    async restart() {
      // The memory of those that were killed is theirs until the kernel is done with them.
      for (let attempt = 1; ; attempt++) {
        try {
          server = await start();
          return;
        } catch (error) {
          if (attempt === 20) throw error;
          await delay(100);
        }
      }
    },
    async close() {
      if (server.exitCode === null && server.signalCode === null) {
        const exited = once(server, 'exit');
        // A fast shutdown: whoever is still connected is sent away.
        server.kill('SIGINT');
        await exited;
      }
      process.removeListener('exit', killed);
      await rm(directory, { recursive: true });
    },
  };
}

type Owner = { uid: number; gid: number } | undefined;

/** The directory of a server that never ran: what `initdb` makes takes seconds, and is copied from then on. */
async function newRecords(bin: string, owner: Owner): Promise<string> {
  const kept = join(CACHE, `postgres-${basename(dirname(bin))}-${owner?.uid ?? process.getuid?.()}`);
  const isKept = () =>
    access(kept).then(
      () => true,
      () => false,
    );
  if (await isKept()) return kept;
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(join(tmpdir(), 'pg-new-'));
  if (owner) await chown(scratch, owner.uid, owner.gid);
  const made = join(scratch, 'data');
  const settings = ['-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N'];
  await run(join(bin, 'initdb'), ['-D', made, ...settings], { ...owner, cwd: scratch });
  const draft = await mkdtemp(`${kept}-`);
  await run('cp', ['--archive', made, join(draft, 'data')]);
  await rm(scratch, { recursive: true });
  // Whoever was first, its files are as good.
  await rename(join(draft, 'data'), kept).catch(async error => {
    if (!(await isKept())) throw error;
  });
  await rm(draft, { recursive: true });
  return kept;
}

/** Waits for the server to say that it is ready, for connections also after a recovery. */
async function readiness(server: ChildProcess): Promise<ChildProcess> {
  if (!server.stderr) throw new Error('the log of PostgreSQL is not read');
  const lines = createInterface(server.stderr);
  const output: string[] = [];
  const ready = Promise.withResolvers<void>();
  lines.on('line', line => {
    if (output.length < 50) output.push(line);
    if (line.includes('ready to accept connections')) ready.resolve();
  });
  lines.on('close', () => ready.reject(new Error(`PostgreSQL did not start:\n${output.join('\n')}`)));
  await ready.promise;
  return server;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It saw its postmaster die and has left already.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The directory of the newest installed version. */
async function findBinaries(): Promise<string | undefined> {
  const versions = await readdir(PACKAGED).catch(() => []);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  return newest === undefined ? undefined : join(PACKAGED, String(newest), 'bin');
}

async function installBinaries(): Promise<string> {
  const what = 'PostgreSQL is needed for this test: apt-get install postgresql';
  if (process.getuid?.() !== 0) throw new Error(what);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'postgresql'], { env });
  } catch (cause) {
    throw new Error(what, { cause });
  }
  const bin = await findBinaries();
  if (!bin) throw new Error(what);
  return bin;
}

async function unprivileged(): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async flag => Number((await run('id', [flag, 'nobody'])).stdout)),
  );
  if (uid === undefined || gid === undefined) throw new Error('there is no user nobody');
  return { uid, gid };
}
