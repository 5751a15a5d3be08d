import { randomUUID } from 'node:crypto';
import type { Config } from './config/config.ts';
import { AppError } from './errors/app-error.ts';
import { nameOf } from './fabric/identity.ts';
import { createHub } from './hub/create-hub.ts';
import type { Hub } from './hub/hub.ts';
import type { Log } from './log/log.ts';
import type { Operation } from './operations/operation.ts';
import { registerRenderers } from './operations/sandbox/renderers.ts';
import {
  addFabricGauge,
  addGauges,
  createEngine,
  joinFabric,
  openBlobs,
  openStore,
  prepareDirectory,
  servedBy,
  siteOf,
} from './parts.ts';
import { createWorker } from './worker/worker.ts';

export interface RunningHub {
  readonly id: string;
  readonly hub: Hub;
  readonly operations: readonly Operation[];
  close(): Promise<void>;
}

/** A hub without a worker of its own: workers of other processes and machines meet it at the NATS servers. */
export async function startHub({ config, log, signal }: Start): Promise<RunningHub> {
  await using started = new AsyncDisposableStack();
  await prepareDirectory(config.directory);
  const store = await openStore(config);
  started.defer(() => store.close());
  const blobs = await openBlobs(config, log);
  const { fabric, identity } = await joinFabric(config, { usual: { hub: randomUUID() }, log, signal });
  started.defer(() => fabric.close());
  const id = nameOf(identity);
  const hub = await createHub({ id, store, blobs, fabric, config, log });
  started.defer(() => hub.close());
  registerRenderers(hub);
  addGauges(store);
  addFabricGauge(fabric);
  const open = started.move();
  return { id, hub, operations: servedBy(config, true), close: () => open.disposeAsync() };
}

export interface RunningWorker {
  readonly id: string;
  readonly engine: string;
  /** It has its place among the hub's workers. */
  readonly isReady: boolean;
  close(): Promise<void>;
}

interface Start {
  readonly config: Config;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A worker that dials out to the NATS servers and hosts sandboxes for the hubs that it meets there. */
export async function startWorker({ config, log, signal }: Start): Promise<RunningWorker> {
  await using started = new AsyncDisposableStack();
  const directory = await prepareDirectory(config.directory);
  const engine = createEngine(config, log);
  const report = await engine.probe(signal);
  if (!report.works)
    throw new AppError('NO_WORKER_AVAILABLE', 'no sandbox engine works on this machine', { hint: report.remedy });
  const site = await siteOf(directory);
  const { fabric, identity } = await joinFabric(config, { usual: { worker: usualName(config, site) }, log, signal });
  started.defer(() => fabric.close());
  const id = nameOf(identity);
  const blobs = await openBlobs(config, log);
  const worker = await createWorker({ id, site, fabric, blobs, config, log, engine, report, signal });
  started.defer(() => worker.close());
  addFabricGauge(fabric);
  const open = started.move();
  return {
    id,
    engine: report.name,
    get isReady() {
      return worker.isReady;
    },
    close: () => open.disposeAsync(),
  };
}

const usualName = (config: Config, site: string): string => config.worker.id ?? `wk_${site.slice(0, 24)}`;
