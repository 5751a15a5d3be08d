import { randomUUID } from 'node:crypto';
import { openProviders } from './agent-providers.ts';
import type { Config } from './config/config.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';
import { offersSessions } from './config/sessions.ts';
import { AppError } from './errors/app-error.ts';
import { nameOf } from './fabric/identity.ts';
import type { BlobRoutesOptions } from './http/routes/blobs.ts';
import { createHub } from './hub/create-hub.ts';
import type { Hub } from './hub/hub.ts';
import { joinFabric, openTrust, openWorkerBlobs } from './joining.ts';
import type { Log } from './log/log.ts';
import type { Operation } from './operations/operation.ts';
import { registerRenderers } from './operations/sandbox/renderers.ts';
import { SharedLimits } from './providers/http/shared-limits.ts';
import {
  addFabricGauge,
  addGauges,
  createEngine,
  openBlobs,
  openStore,
  prepareDirectory,
  servedBy,
  siteOf,
} from './parts.ts';
import { hubToken, readTokenFile } from './tokens.ts';
import type { Store } from './store/store.ts';
import { createWorker } from './worker/worker.ts';

export interface RunningHub {
  readonly id: string;
  readonly hub: Hub;
  /** Users who sign in here. */
  readonly store: Pick<Store, 'signIn'>;
  readonly operations: readonly Operation[];
  /** Contents for workers that have no blob service of their own; undefined where the hub cannot tell whom to trust. */
  readonly workerBlobs?: BlobRoutesOptions;
  close(): Promise<void>;
}

/** A hub without a worker of its own: workers of other processes and machines meet it at the NATS servers. */
export async function startHub({
  config,
  log,
  keeper,
  signal,
  version,
}: Start & { version: string; keeper?: ConfigKeeper }): Promise<RunningHub> {
  await using started = new AsyncDisposableStack();
  await prepareDirectory(config.directory);
  const store = await openStore(config);
  started.defer(() => store.close());
  const blobs = await openBlobs(config, log);
  const usual = { hub: randomUUID() };
  const token = await hubToken(config, { id: usual.hub, log });
  const { fabric, identity } = await joinFabric(config, { token, usual, log, signal });
  started.defer(() => fabric.close());
  const trust = await openTrust(config, { token, signal });
  if (trust) started.defer(() => trust.close());
  const id = nameOf(identity);
  const shared = new SharedLimits({ records: store.budgets });
  const providers = await openProviders(config, { shared, keeper });
  const parts = { id, store, blobs, fabric, config, log, keeper, version, shared, providers };
  const hub = await createHub(parts);
  started.defer(() => hub.close());
  registerRenderers(hub);
  addGauges(store);
  addFabricGauge(fabric);
  const open = started.move();
  return {
    id,
    hub,
    store,
    operations: servedBy(config, true),
    ...(trust && {
      workerBlobs: { blobs, verifyWorker: (header, request) => trust.checker.check(header, request) },
    }),
    close: () => open.disposeAsync(),
  };
}

export interface RunningWorker {
  readonly id: string;
  readonly engine: string;
  /** It has its place among the hub's workers. */
  readonly isReady: boolean;
  /** Gives its workspaces to other workers, as far as that can be done in the time that the configuration allows. */
  drain(): Promise<void>;
  /** Tells the hubs of the slots and labels of a new configuration. */
  reload(config: Config): Promise<void>;
  close(): Promise<void>;
}

interface Start {
  readonly config: Config;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A worker that dials out to the NATS servers and hosts sandboxes for the hubs that it meets there. */
export async function startWorker({
  config: given,
  log,
  signal,
  version,
  env,
}: Start & {
  version: string;
  env: Readonly<Record<string, string | undefined>>;
}): Promise<RunningWorker> {
  await using started = new AsyncDisposableStack();
  const token = await readTokenFile(given, log);
  const config = withLabels(given, token?.labels);
  const directory = await prepareDirectory(config.directory);
  const blobs = await openWorkerBlobs(config, { token, log });
  const engine = createEngine(config, log);
  const report = await engine.probe(signal);
  if (!report.works && !offersSessions(config))
    throw new AppError('NO_WORKER_AVAILABLE', 'no sandbox engine works on this machine', { hint: report.remedy });
  const site = await siteOf(directory);
  const usual = { worker: usualName(config, site) };
  const { fabric, identity } = await joinFabric(config, { token, usual, log, signal });
  started.defer(() => fabric.close());
  const id = nameOf(identity);
  const means = { id, site, fabric, blobs, config, log, engine, report, version };
  const worker = await createWorker({ ...means, isRemote: true, signal, agentEnvironment: env });
  started.defer(() => worker.close());
  addFabricGauge(fabric);
  const open = started.move();
  return {
    id,
    engine: report.name,
    get isReady() {
      return worker.isReady;
    },
    drain: () => worker.drain({ seconds: given.worker.drain_seconds }),
    reload: async fresh => {
      const { slots, labels } = withLabels(fresh, token?.labels).worker;
      await worker.change({ slots, labels });
    },
    close: () => open.disposeAsync(),
  };
}

const usualName = (config: Config, site: string): string => config.worker.id ?? `wk_${site.slice(0, 24)}`;

/** Those of the token, unless the configuration says otherwise. */
const withLabels = (config: Config, labels: Readonly<Record<string, string>> = {}): Config => ({
  ...config,
  worker: { ...config.worker, labels: { ...labels, ...config.worker.labels } },
});
