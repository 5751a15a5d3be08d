import assert from 'node:assert/strict';
import { join } from 'node:path';
import { commandLine } from './command-line.ts';
import { type NatsServer, startNats } from './nats-server.ts';
import {
  type CliRun,
  cleanEnvironment,
  type RunningRole,
  type RunningServer,
  scratchDirectory,
  startRole,
  startServer,
} from './server.ts';

/**
 * A hub that has the authority in its own directory, and nats-server as that authority configures it: all by commands, which run in
 * this process.
 */
export interface Team {
  /** For files of the test. */
  readonly scratch: string;
  readonly nats: NatsServer;
  readonly hub: RunningServer;
  /** `boxswain worker token …` where the authority lives. */
  token(...words: string[]): Promise<CliRun>;
  /** The file of a new token. */
  tokenFile(id: string, ...words: string[]): Promise<string>;
  startWorker(tokenFile: string, directory: string): Promise<RunningRole & { found: string }>;
  /** Runs `boxswain worker …` until it ends, which it should at once. */
  failingWorker(...words: string[]): Promise<CliRun>;
  api(target: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  close(): Promise<void>;
}

export async function startTeam({ env = {} }: { env?: Record<string, string> } = {}): Promise<Team> {
  await using started = new AsyncDisposableStack();
  const { path: scratch, remove } = await scratchDirectory();
  started.defer(remove);
  const directory = join(scratch, 'hub');
  const run = (words: readonly string[], more: Record<string, string> = {}) =>
    commandLine(words, { env: cleanEnvironment(more) });
  const config = await run([
    ...['worker', 'token', 'nats-config', '--directory', directory],
    ...['--resolver-dir', join(scratch, 'resolver')],
  ]);
  assert.equal(config.code, 0, config.stderr);
  // The test's own server chooses its ports.
  const nats = await startNats({ config: () => config.stdout.replace(/^listen: .*$/m, '') });
  started.defer(() => nats.close());
  const shared = { BOXSWAIN_FABRIC_SERVERS: nats.url, ...env };
  const hub = await startServer({ role: 'hub', directory, env: shared });
  started.defer(() => hub.stop());
  const token: Team['token'] = (...words) => run(['worker', 'token', ...words, '--directory', directory], shared);
  const open = started.move();
  return {
    scratch,
    nats,
    hub,
    token,
    async tokenFile(id, ...words) {
      const file = join(scratch, `${id}.token`);
      const made = await token('create', '--id', id, '--hub', hub.url, '--output', file, ...words);
      assert.equal(made.code, 0, made.stderr);
      return file;
    },
    async startWorker(tokenFile, name) {
      const args = ['worker', '--token-file', tokenFile];
      // What still runs when a test is over is not waited for.
      const settings = { BOXSWAIN_WORKER_DRAIN_SECONDS: '0', ...env };
      const worker = await startRole({ directory: join(scratch, name), env: settings, args }, /is worker (\S+)/);
      open.defer(() => worker.stop());
      return worker;
    },
    failingWorker: (...words) => run(['worker', ...words, '--directory', join(scratch, 'failing')]),
    async api(target, body) {
      const [method = '', path] = target.split(' ');
      const content =
        body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const response = await fetch(`${hub.url}${path}`, { method, ...content });
      return { status: response.status, body: Object(await response.json()) };
    },
    close: () => open.disposeAsync(),
  };
}
