import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { localCaller } from './auth/caller.ts';
import { readSecretFile } from './auth/secret-file.ts';
import type { OperationClient } from './cli/client.ts';
import type { Flags, Roles } from './cli/program.ts';
import { connectSocket, connectUrl } from './cli/socket-client.ts';
import { welcome } from './cli/welcome.ts';
import { startHub, startWorker } from './cluster.ts';
import type { Config } from './config/config.ts';
import { type ConfigKeeper, createConfigKeeper } from './config/config-keeper.ts';
import { loadConfig } from './config/load.ts';
import { runAttacksOn } from './diagnosis/attacks.ts';
import { diagnose } from './diagnosis/diagnose.ts';
import { type HealthOptions, readinessOf, startHealth, workerReadiness } from './http/health.ts';
import { type HttpOptions, startHttp } from './http/server.ts';
import { createLog, type LevelledLog, type Log } from './log/log.ts';
import { attachStdio, serveSocket } from './mcp/local-socket.ts';
import { serveStdio } from './mcp/stdio.ts';
import { invoke } from './operations/invoke.ts';
import { findOperation } from './operations/registry.ts';
import { uploadOf } from './operations/sessions/uploads.ts';
import { commandsOf, hookAccessOf } from './parts.ts';
import { reloadOnHangUp } from './reload.ts';
import { onPort, untilEnded } from './restarting.ts';
import { createSignInRoles, openSignIn } from './sign-in.ts';
import { type Solo, startSolo } from './solo.ts';
import { startTracing } from './telemetry/tracing.ts';
import { createTokenRoles, workerTokens } from './tokens.ts';
import { createTransferRoles } from './transfers.ts';

export interface RoleOptions {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the commands start, wired from the configuration. */
export function createRoles({ version, env }: RoleOptions): Roles {
  const load = (flags: Flags, warn: (text: string) => void) =>
    loadConfig({ env, envFile: flags.envFile, flags: flags.settings, file: flags.config, warn });

  const keeperOf = (flags: Flags, options?: { changed: (config: Config) => void }) =>
    createConfigKeeper(
      { env, envFile: flags.envFile, flags: flags.settings, file: flags.config, warn: () => {} },
      options,
    );

  const configure = async (flags: Flags): Promise<{ config: Config; log: LevelledLog; keeper: ConfigKeeper }> => {
    const warnings: string[] = [];
    const config = await load(flags, text => warnings.push(text));
    const log = createLog({ level: config.log.level });
    for (const text of warnings) log.warn({}, text);
    const keeper = keeperOf(flags, { changed: fresh => log.setLevel(fresh.log.level) });
    return { config, log, keeper };
  };

  const reloading = (flags: Flags, running: Omit<Parameters<typeof reloadOnHangUp>[0], 'load'>) =>
    reloadOnHangUp({ ...running, load: () => load(flags, text => running.log.warn({}, text)) });

  const traceRole = (role: string, { config, log }: { config: Config; log: Log }) => {
    const { otlp_endpoint: endpoint, sample_ratio: sampleRatio } = config.telemetry;
    return startTracing({ endpoint, sampleRatio, role, version, log });
  };

  return {
    async serve(flags, { firstRun, signal, say }) {
      await using tracing = new AsyncDisposableStack();
      tracing.defer(await traceRole('serve', await configure(flags)));
      await untilEnded(signal, async ({ port, restart, ...round }) => {
        const { config, log, keeper } = await configure(onPort(flags, port));
        // Whatever fails on the way, what was started before it ends, the last first: else the process would not exit.
        await using started = new AsyncDisposableStack();
        const solo = await startSolo({ config, log, keeper, version, env });
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
    async serveStdio(flags, { signal }) {
      const { config, log, keeper } = await configure(flags);
      if (
        config.toolsets.length === 0 &&
        !config.read_only &&
        (await attachStdio({ path: socketsOf(config).mcp, signal }))
      )
        return;
      const solo = await startSolo({ config, log, keeper, version, env });
      try {
        await serveStdio({ hub: solo.hub, operations: solo.operations, log, version, signal });
      } finally {
        await solo.close();
      }
    },
    async connect(flags, toolset) {
      // What the command has no use for is not started with it.
      const alone = { toolsets: [toolset], ...(toolset === 'sessions' && { 'sandbox.spare_boxes': 0 }) };
      const { config, log, keeper } = await configure({
        ...flags,
        settings: { 'log.level': 'warn', ...alone, ...defined(flags.settings) },
      });
      const { url, token, token_file: file } = config.client;
      if (url !== undefined) {
        const shown = token ?? (file === undefined ? undefined : await readSecretFile(file, 'client.token_file'));
        return await connectUrl(url, { token: shown });
      }
      // What a flag says of Codegen holds for this command alone, so no other process can serve it.
      const isOwn = Object.entries(flags.settings).some(
        ([key, value]) => key.startsWith('codegen.') && value !== undefined,
      );
      const running = isOwn ? undefined : await connectSocket(socketsOf(config).http);
      return running ?? clientOf(await startSolo({ config, log, keeper, version, env }), log);
    },
    settings: keeperOf,
    doctor: async flags => diagnose(await configure(flags), { version }),
    attack: async flags => runAttacksOn(await configure(flags)),
    ...createTransferRoles(configure),
    ...createTokenRoles(configure),
    ...createSignInRoles(configure),
    hookAccess: async flags => hookAccessOf((await configure(flags)).config),
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
    authServer: await openSignIn(config, { store, log }),
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

const socketsOf = (config: Config) => ({
  http: join(config.directory, 'hub.sock'),
  mcp: join(config.directory, 'mcp.sock'),
});

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

function defined(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(done => signal.addEventListener('abort', () => done(), { once: true }));
}
