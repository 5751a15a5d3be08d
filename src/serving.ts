import { randomUUID } from 'node:crypto';
import { localCaller } from './auth/caller.ts';
import type { OperationClient } from './cli/client.ts';
import type { Flags, Roles } from './cli/program.ts';
import { welcome } from './cli/welcome.ts';
import type { Config } from './config/config.ts';
import { type HealthOptions, readinessOf, startHealth, workerReadiness } from './http/health.ts';
import type { HttpOptions } from './http/server.ts';
import type { Log } from './log/log.ts';
import { invoke } from './operations/invoke.ts';
import { findOperation } from './operations/registry.ts';
import { uploadOf } from './operations/sessions/uploads.ts';
import { commandsOf } from './parts.ts';
import { reloadOnHangUp } from './reload.ts';
import { onPort, untilEnded } from './restarting.ts';
import { type Configured, type Configuring, socketsOf } from './configuring.ts';
import { openSignIn } from './sign-in.ts';
import type { Solo } from './solo.ts';
import { startTracing } from './telemetry/tracing.ts';

export interface ServingOptions extends Configuring {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What serves, and commands that find nothing that does. Loaded by them alone: the others start in half the time. */
export interface Serving extends Pick<Roles, 'serve' | 'hub' | 'worker'> {
  /** One client over stdio, with all of Boxswain in this process. */
  stdio(given: Configured, options: { signal: AbortSignal }): Promise<void>;
  /** Operations of a hub in this process. */
  client(given: Configured): Promise<OperationClient>;
}

export function createServing({ version, env, load, configure }: ServingOptions): Serving {
  const reloading = (flags: Flags, running: Omit<Parameters<typeof reloadOnHangUp>[0], 'load'>) =>
    reloadOnHangUp({ ...running, load: () => load(flags, text => running.log.warn({}, text)) });

  const traceRole = (role: string, { config, log }: { config: Config; log: Log }) => {
    const { otlp_endpoint: endpoint, sample_ratio: sampleRatio } = config.telemetry;
    return startTracing({ endpoint, sampleRatio, role, version, log });
  };

  const startSolo = async (given: Configured) => (await import('./solo.ts')).startSolo({ ...given, version, env });

  return {
    async serve(flags, { firstRun, signal, say }) {
      await using tracing = new AsyncDisposableStack();
      tracing.defer(await traceRole('serve', await configure(flags)));
      await untilEnded(signal, async ({ port, restart, ...round }) => {
        const { config, log, keeper } = await configure(onPort(flags, port));
        // Whatever fails on the way, what was started before it ends, the last first: else the process would not exit.
        await using started = new AsyncDisposableStack();
        const solo = await startSolo({ config, log, keeper });
        started.defer(() => solo.close());
        const { engine } = solo;
        const http = await openDoors(solo, { config, log, version, started, restart });
        const toolCount = solo.operations.length;
        say(welcome({ version, url: http.url, toolCount, engine: engine.works ? engine.name : 'none' }));
        if (!engine.works) say(`The sandbox toolset is off. ${engine.remedy ?? 'See boxswain doctor.'}`);
        else if (firstRun && port === undefined) say(await timeFirstRun(solo, log));
        started.defer(reloading(flags, { config, log, apply: fresh => solo.reload(fresh) }));
        await aborted(round.signal);
        return portOf(http.url);
      });
    },
    async hub(flags, { signal, say }) {
      await using tracing = new AsyncDisposableStack();
      tracing.defer(await traceRole('hub', await configure(flags)));
      await untilEnded(signal, async ({ port, restart, ...round }) => {
        const { config, log, keeper } = await configure(onPort(flags, port));
        await using started = new AsyncDisposableStack();
        const [{ startHub }, { workerTokens }] = await Promise.all([import('./cluster.ts'), import('./tokens.ts')]);
        const running = await startHub({ config, log, keeper, signal: round.signal, version });
        started.defer(() => running.close());
        const { workerBlobs: blobs } = running;
        const doors = { config, log, version, started, blobs, tokens: workerTokens(config), restart };
        const http = await openDoors(running, doors);
        const toolCount = running.operations.length;
        say(welcome({ version, url: http.url, toolCount, engine: 'on workers' }));
        started.defer(reloading(flags, { config, log }));
        await aborted(round.signal);
        return portOf(http.url);
      });
    },
    async worker(flags, { signal, say }) {
      const { config, log } = await configure(flags);
      await using started = new AsyncDisposableStack();
      started.defer(await traceRole('worker', { config, log }));
      const { startWorker } = await import('./cluster.ts');
      const worker = await startWorker({ config, log, signal, version, env });
      started.defer(() => worker.close());
      await openHealth({ config, log, started, readiness: () => workerReadiness(worker.isReady) });
      say(
        `Boxswain ${version} is worker ${worker.id} with ${config.worker.slots} slots, sandbox engine: ${worker.engine}`,
      );
      started.defer(reloading(flags, { config, log, apply: fresh => worker.reload(fresh) }));
      await aborted(signal);
      await worker.drain();
    },
    async stdio(given, { signal }) {
      const { serveStdio } = await import('./mcp/stdio.ts');
      const solo = await startSolo(given);
      try {
        await serveStdio({ hub: solo.hub, operations: solo.operations, log: given.log, version, signal });
      } finally {
        await solo.close();
      }
    },
    client: async given => clientOf(await startSolo(given), given.log),
  };
}

interface Doors {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  readonly started: AsyncDisposableStack;
  readonly blobs?: HttpOptions['blobs'];
  readonly tokens?: HttpOptions['tokens'];
  /** Ends all of this and starts it anew. */
  readonly restart: () => void;
}

/** Everything through which a hub is reached: MCP and HTTP on a port, and both sockets of this machine. */
async function openDoors(
  { hub, operations, store }: Pick<Solo, 'hub' | 'operations' | 'store'>,
  { config, log, version, started, blobs, tokens, restart }: Doors,
): Promise<{ url: string }> {
  const sockets = socketsOf(config);
  const { startHttp } = await import('./http/server.ts');
  const { serveSocket } = await import('./mcp/local-socket.ts');
  const http = await startHttp({
    hub,
    operations,
    commands: commandsOf(config),
    config,
    log,
    version,
    blobs,
    tokens,
    restart,
    authServer: await openSignIn(config, { store, log, audit: hub.audit }),
    socketPath: sockets.http,
  });
  started.defer(() => http.close());
  const local = await serveSocket({ hub, operations, log, version, path: sockets.mcp });
  started.defer(() => local.close());
  await openHealth({ config, log, started, readiness: () => readinessOf(hub, log) });
  return http;
}

/** The port of probes and scrapers, where the configuration names one. */
async function openHealth({
  config,
  log,
  started,
  readiness,
}: Pick<Doors, 'config' | 'log' | 'started'> & Pick<HealthOptions, 'readiness'>): Promise<void> {
  const { host, port } = config.health;
  if (port === undefined) return;
  const health = await startHealth({ host, port, log, readiness });
  started.defer(() => health.close());
  log.info({ url: health.url }, 'health checks are answered');
}

/** Operations of a hub in this process. */
function clientOf(solo: Solo, log: Log): OperationClient {
  const call: OperationClient['call'] = (operation, args, { signal, report }) =>
    invoke(operation, args, {
      hub: solo.hub,
      caller: localCaller,
      signal,
      requestId: randomUUID(),
      wantsTask: false,
      report,
      surface: 'cli',
      log,
    });
  return {
    call,
    upload: async (sessionId, file, options) => {
      const { output } = await call(uploadOf(file), { session_id: sessionId }, options);
      return { fileId: String(output.fileId) };
    },
    close: () => solo.close(),
  };
}

/** Creates a workspace, runs a line of Python in it and deletes it, through the same door as everyone. */
async function timeFirstRun(solo: Solo, log: Log): Promise<string> {
  const client = { ...clientOf(solo, log), signal: new AbortController().signal };
  const call = async (name: string, args: Record<string, unknown>) => {
    const operation = findOperation(name);
    if (!operation) throw new Error(`no operation ${name}`);
    return (await client.call(operation, args, { signal: client.signal, report: () => {} })).output;
  };
  const start = performance.now();
  const { workspace_id } = await call('workspace_create', {});
  const run = await call('run_python', { workspace_id, code: 'print(2 + 2)' });
  const elapsed = performance.now() - start;
  await call('workspace_delete', { workspace_id });
  return `First sandboxed Python: print(2 + 2) gave ${JSON.stringify(run.stdout)} in ${elapsed.toFixed(0)} ms, workspace included`;
}

const portOf = (url: string): number => Number(new URL(url).port);

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(done => signal.addEventListener('abort', () => done(), { once: true }));
}
