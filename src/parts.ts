import { createHash, randomUUID } from 'node:crypto';
import { chmod, link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Blobs } from './blobs/blobs.ts';
import { createDirectoryBlobs } from './blobs/directory.ts';
import type { S3Options } from './blobs/s3.ts';
import type { Config } from './config/config.ts';
import { offersCodegen, takesCommands } from './config/codegen.ts';
import { offersFleet } from './config/fleet.ts';
import { offersSessions } from './config/sessions.ts';
import type { NatsFabric } from './fabric/nats/nats-fabric.ts';
import type { Log } from './log/log.ts';
import type { Operation } from './operations/operation.ts';
import { selectOperations } from './operations/registry.ts';
import type { Store } from './store/store.ts';
import { addGauge, addGaugeOf } from './telemetry/metrics.ts';
import type { SandboxEngine } from './worker/sandbox/engine.ts';
import { createBubblewrapEngine } from './worker/sandbox/engines/bubblewrap/engine.ts';

// The parts that every role is wired from, as the configuration names them. What is not named is not loaded either: clients of
// services are large.

/** Records in PostgreSQL where `store.url` says so, else in SQLite below the directory. */
export async function openStore(config: Config): Promise<Store> {
  const { url } = config.store;
  if (url) return await (await import('./store/postgres.ts')).createPostgresStore({ url });
  return await (await import('./store/sqlite.ts')).createSqliteStore({ path: join(config.directory, 'records.db') });
}

/** Contents in a bucket where `blobs.s3.bucket` says so, else below the directory. */
export async function openBlobs(config: Config, log: Log): Promise<Blobs> {
  const options = s3OptionsOf(config, log);
  if (!options) return await createDirectoryBlobs(join(config.directory, 'blobs'));
  return await (await import('./blobs/s3.ts')).createS3Blobs(options);
}

/** Undefined where no bucket is named. */
export function s3OptionsOf(config: Config, log: Log): S3Options | undefined {
  const { bucket, path_style: forcePathStyle, ...place } = config.blobs.s3;
  if (!bucket) return undefined;
  return { ...place, bucket, forcePathStyle, spoolDirectory: join(config.directory, 'spool'), log };
}

/** What `/metrics` tells about the records, read when it is asked. */
export function addGauges({ workers, tasks }: Store): void {
  addGauge(
    'boxswain_workers',
    'Workers with a live lease',
    async () => (await workers.list({ liveOnly: true })).length,
  );
  addGauge('boxswain_workspaces', 'Workspaces that live workers hold', async () => {
    const held = [...(await workers.slotsUsed()).values()];
    return held.reduce((sum, count) => sum + count, 0);
  });
  addGauge('boxswain_slots', 'Workspaces that live workers take', async () =>
    (await workers.list({ liveOnly: true })).reduce((sum, { slots }) => sum + slots, 0),
  );
  addGauge('boxswain_tasks_unfinished', 'Tasks that wait or run', () => tasks.countUnfinished());
  const read = () => tasks.countByStatus();
  addGaugeOf('boxswain_tasks', 'Tasks that have not ended, by status', { label: 'status', read });
}

/** What `/metrics` tells about the way to the NATS server. NaN while there is no connection. */
export function addFabricGauge(fabric: NatsFabric): void {
  addGauge('boxswain_fabric_round_trip_seconds', 'Time to the NATS server and back, measured now', async () => {
    const { roundTripMs } = await fabric.health();
    return roundTripMs === undefined ? Number.NaN : roundTripMs / 1000;
  });
}

/** The engine that the configuration names; boxes and workspaces lie below the sandbox directory. */
export function createEngine(config: Config, log: Log): SandboxEngine {
  return createBubblewrapEngine({ directory: sandboxDirectory(config), log });
}

export function sandboxDirectory(config: Config): string {
  return resolve(config.sandbox.directory ?? join(config.directory, 'workspaces'));
}

/**
 * What this process serves: without an engine that works somewhere, the sandbox toolset is not among it; without a directory in which
 * agents may work, sessions are not.
 */
export function servedBy(config: Config, hasSandbox: boolean): readonly Operation[] {
  const wanted = config.toolsets.filter(name => name !== 'core');
  const selected = selectOperations({
    toolsets: wanted,
    core: config.toolsets.includes('core'),
    readOnly: config.read_only,
  });
  const isThere = {
    sandbox: hasSandbox,
    sessions: offersSessions(config),
    fleet: offersFleet(config),
    codegen: offersCodegen(config),
  };
  return selected.filter(({ always, toolset, also }) => always || [toolset, ...also].some(name => isThere[name]));
}

/** What is answered to `{command, args}` on `/mcp`. */
export function commandsOf(config: Config): readonly Operation[] {
  return takesCommands(config) ? selectOperations({ toolsets: ['codegen'], readOnly: config.read_only }) : [];
}

/** Where hooks of this machine's terminals find the server, and where their token lies. */
export function hookAccessOf({ directory, http, sessions }: Config) {
  const { token_file: tokenFile = join(directory, 'hook-token'), hold_seconds: holdSeconds } = sessions.hooks;
  const host = ['0.0.0.0', '::', 'localhost'].includes(http.host) ? '127.0.0.1' : http.host;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${http.port}/api/hooks/claude`;
  return { url: http.port === 0 ? undefined : address, tokenFile: resolve(tokenFile), holdSeconds };
}

/** Users of boxes must be able to pass through it, and nobody but its owner may list or read it. */
export async function prepareDirectory(path: string): Promise<string> {
  const directory = resolve(path);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await chmod(directory, 0o711);
  return directory;
}

/**
 * The same for every process of this machine that uses this directory: they can open each other's workspaces' files. Containers of
 * one image have no machine id, or share it, and all use one path: there a file of the directory tells them apart.
 */
export async function siteOf(directory: string, machineIdFile = '/etc/machine-id'): Promise<string> {
  const machine = (await readFile(machineIdFile, 'utf8').catch(() => '')) || (await ownMark(directory));
  return createHash('sha256').update(`${machine.trim()}\n${directory}`).digest('hex').slice(0, 32);
}

/** Written once and whole, by whichever process comes first. */
async function ownMark(directory: string): Promise<string> {
  const path = join(directory, 'site');
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, randomUUID());
  await link(draft, path).catch(error => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await unlink(draft);
  return await readFile(path, 'utf8');
}
