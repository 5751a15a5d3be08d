import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createDirectoryBlobs } from './blobs/directory.ts';
import type { Config } from './config/config.ts';
import { createInProcessBus } from './fabric/in-process.ts';
import { createHub } from './hub/create-hub.ts';
import type { Hub } from './hub/hub.ts';
import { newId } from './ids/ids.ts';
import type { Log } from './log/log.ts';
import type { Operation } from './operations/operation.ts';
import { selectOperations } from './operations/registry.ts';
import { registerRenderers } from './operations/sandbox/renderers.ts';
import { announce, giveUpTheDead } from './presence.ts';
import { createSqliteStore } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { addGauge } from './telemetry/metrics.ts';
import { createBubblewrapEngine } from './worker/sandbox/engines/bubblewrap/engine.ts';
import type { EngineReport, SandboxEngine } from './worker/sandbox/engine.ts';
import { createWorker } from './worker/worker.ts';

/** Hub and worker in one process, with SQLite, a directory of blobs, and nothing beside them. */
export interface Solo {
  readonly hub: Hub;
  /** What this process serves: without an engine that works, the sandbox toolset is not among it. */
  readonly operations: readonly Operation[];
  readonly engine: EngineReport;
  close(): Promise<void>;
}

export async function startSolo({ config, log }: { config: Config; log: Log }): Promise<Solo> {
  const directory = await prepareDirectory(config.directory);
  const store = await createSqliteStore({ path: join(directory, 'records.db') });
  const blobs = await createDirectoryBlobs(join(directory, 'blobs'));
  const notes = join(directory, 'workers');
  for (const worker of await giveUpTheDead(notes, store))
    log.info({ worker }, 'gave up a worker whose process is gone');
  const bus = createInProcessBus();
  const hubId = randomUUID();
  const hub = await createHub({ id: hubId, store, blobs, fabric: bus.connect({ hub: hubId }), config, log });
  registerRenderers(hub);
  addGauges(store);
  const engine = createEngine(config, log);
  const report = await engine.probe();
  const site = await siteOf(directory);
  const { id, withdraw } = await takeWorkerId(notes, {
    hub: hubId,
    usual: config.worker.id ?? `wk_${site.slice(0, 24)}`,
  });
  const worker = report.works
    ? await createWorker({
        id,
        site,
        fabric: bus.connect({ worker: id }),
        blobs,
        config,
        log,
        engine,
      })
    : undefined;
  if (!report.works)
    log.warn({ engine: report.name, remedy: report.remedy }, 'no sandbox engine works, the sandbox toolset is off');
  return {
    hub,
    operations: served(config, report.works),
    engine: report,
    close: async () => {
      await worker?.close();
      await withdraw();
      await hub.close();
      await store.close();
    },
  };
}

/** What `/metrics` tells about the records, read when it is asked. */
function addGauges({ workers, tasks }: Store): void {
  addGauge(
    'boxswain_workers',
    'Workers with a live lease',
    async () => (await workers.list({ liveOnly: true })).length,
  );
  addGauge('boxswain_workspaces', 'Workspaces that live workers hold', async () => {
    const held = [...(await workers.slotsUsed()).values()];
    return held.reduce((sum, count) => sum + count, 0);
  });
  addGauge('boxswain_tasks_unfinished', 'Tasks that wait or run', () => tasks.countUnfinished());
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

/** The engine that the configuration names; boxes and workspaces lie below the sandbox directory. */
export function createEngine(config: Config, log: Log): SandboxEngine {
  return createBubblewrapEngine({ directory: sandboxDirectory(config), log });
}

export function sandboxDirectory(config: Config): string {
  return resolve(config.sandbox.directory ?? join(config.directory, 'workspaces'));
}

function served(config: Config, hasSandbox: boolean): readonly Operation[] {
  const wanted = config.toolsets.filter(name => name !== 'core');
  const selected = selectOperations({
    toolsets: wanted,
    core: config.toolsets.includes('core'),
    readOnly: config.read_only,
  });
  return hasSandbox ? selected : selected.filter(operation => operation.always);
}

/** Users of boxes must be able to pass through it, and nobody but its owner may list or read it. */
async function prepareDirectory(path: string): Promise<string> {
  const directory = resolve(path);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await chmod(directory, 0o711);
  return directory;
}

/** The same for every process of this machine that uses this directory: they can open each other's workspaces' files. */
async function siteOf(directory: string): Promise<string> {
  const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return createHash('sha256').update(`${machine.trim()}\n${directory}`).digest('hex').slice(0, 32);
}
