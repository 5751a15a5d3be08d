import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openProviders } from './agent-providers.ts';
import type { Config } from './config/config.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';
import { offersSessions, withHome } from './config/sessions.ts';
import { createInProcessBus } from './fabric/in-process.ts';
import { createHub } from './hub/create-hub.ts';
import type { Hub } from './hub/hub.ts';
import { newId } from './ids/ids.ts';
import type { Log } from './log/log.ts';
import type { Operation } from './operations/operation.ts';
import { registerRenderers } from './operations/sandbox/renderers.ts';
import { SharedLimits } from './providers/http/shared-limits.ts';
import { addGauges, createEngine, openBlobs, openStore, prepareDirectory, servedBy, siteOf } from './parts.ts';
import { announce, giveUpTheDead } from './presence.ts';
import type { Store } from './store/store.ts';
import type { EngineReport } from './worker/sandbox/engine.ts';
import { createWorker } from './worker/worker.ts';

/** Hub and worker in one process, with SQLite, a directory of blobs, and nothing beside them. */
export interface Solo {
  readonly hub: Hub;
  /** Users who sign in here. */
  readonly store: Pick<Store, 'signIn'>;
  /** What this process serves: without an engine that works, the sandbox toolset is not among it. */
  readonly operations: readonly Operation[];
  readonly engine: EngineReport;
  /** Takes the slots and labels of a new configuration. */
  reload(config: Config): Promise<void>;
  close(): Promise<void>;
}

/** Starts hub and worker in this process, on the records of the directory. Rejects with AppError when the directory cannot be used. */
export async function startSolo({
  config: given,
  log,
  version,
  env,
  keeper,
}: {
  config: Config;
  /** Of the configuration's file. */
  keeper?: ConfigKeeper;
  log: Log;
  version: string;
  /** Of the user whose coding agents these are. */
  env: Readonly<Record<string, string | undefined>>;
}): Promise<Solo> {
  const config = withHome(given, env);
  const directory = await prepareDirectory(config.directory);
  const store = await openStore(config);
  const blobs = await openBlobs(config, log);
  const notes = join(directory, 'workers');
  for (const worker of await giveUpTheDead(notes, store))
    log.info({ worker }, 'gave up a worker whose process is gone');
  const bus = createInProcessBus({ isDirect: true });
  const hubId = randomUUID();
  const shared = new SharedLimits({ records: store.budgets });
  const hub = await createHub({
    id: hubId,
    store,
    blobs,
    fabric: bus.connect({ hub: hubId }),
    config,
    log,
    keeper,
    version,
    shared,
    providers: await openProviders(config, { shared, keeper }),
  });
  registerRenderers(hub);
  addGauges(store);
  const engine = createEngine(config, log);
  const report = await engine.probe();
  const site = await siteOf(directory);
  const { id, withdraw } = await takeWorkerId(notes, {
    hub: hubId,
    usual: config.worker.id ?? `wk_${site.slice(0, 24)}`,
  });
  const worker =
    report.works || offersSessions(config)
      ? await createWorker({
          id,
          site,
          fabric: bus.connect({ worker: id }),
          blobs,
          config,
          log,
          engine,
          report,
          version,
          agentEnvironment: env,
        })
      : undefined;
  if (!report.works)
    log.warn({ engine: report.name, remedy: report.remedy }, 'no sandbox engine works, the sandbox toolset is off');
  return {
    hub,
    store,
    operations: servedBy(config, report.works),
    engine: report,
    reload: async ({ worker: { slots, labels } }) => worker?.change({ slots, labels }),
    close: async () => {
      await worker?.close();
      await withdraw();
      await hub.close();
      await store.close();
    },
  };
}

/**
 * The same name at every start, so that a restarted worker still holds its workspaces; a second process of the directory gets a
 * name of its own.
 */
async function takeWorkerId(
  notes: string,
  { hub, usual }: { hub: string; usual: string },
): Promise<{ id: string; withdraw: () => Promise<void> }> {
  for (let id = usual; ; id = newId('wk')) {
    const withdraw = await announce(notes, { hub, worker: id });
    if (withdraw) return { id, withdraw };
  }
}
