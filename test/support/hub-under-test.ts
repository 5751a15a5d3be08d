import { join } from 'node:path';
import type { Caller } from '../../src/auth/caller.ts';
import { createDirectoryBlobs } from '../../src/blobs/directory.ts';
import { type Config, configSchema } from '../../src/config/config.ts';
import { createInProcessBus } from '../../src/fabric/in-process.ts';
import { createHub } from '../../src/hub/create-hub.ts';
import type { Timing } from '../../src/hub/foundation.ts';
import type { Call, Hub, RunRequest, WorkspaceRequest } from '../../src/hub/hub.ts';
import { silentLog } from '../../src/log/log.ts';
import type { Turn } from '../../src/operations/operation.ts';
import type { AgentProvider } from '../../src/providers/provider.ts';
import type { WorkspaceRecord } from '../../src/store/rows.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { ScriptedWorker, type ScriptedWorkerOptions } from './scripted-worker.ts';
import { scratchDirectory } from './server.ts';

export const alice: Caller = { id: 'alice', scopes: new Set(['admin']), teams: new Set<string>() };
export const mallory: Caller = { id: 'mallory', scopes: new Set(['admin']), teams: new Set<string>() };

export const plainRequest: WorkspaceRequest = { network: 'off', limits: {}, env: {}, metadata: {} };

/** Long enough never to matter to a test that does not set it. */
const quiet: Partial<Timing> = { touchMs: 600_000, blobSweepMs: 600_000, sweepMs: 600_000, retryMs: 20 };

export type WorkerSetup = Omit<ScriptedWorkerOptions, 'id' | 'bus' | 'blobs'> & { readonly id?: string };

export interface HubSetup {
  readonly timing?: Partial<Timing>;
  readonly config?: {
    readonly sandbox?: object;
    readonly tasks?: object;
    readonly placement?: object;
    readonly sessions?: object;
    readonly fleet?: object;
    readonly codegen?: object;
    readonly limits?: object;
  };
  readonly providers?: readonly AgentProvider[];
}

/** A hub on the real SQLite store, or the given one, blobs and fabric. Hubs of one bench share them, as processes do. */
export async function openBench({ store: given }: { store?: Store } = {}) {
  const scratch = await scratchDirectory();
  const store = given ?? (await createSqliteStore({ path: join(scratch.path, 'records.db') }));
  const blobs = await createDirectoryBlobs(join(scratch.path, 'blobs'));
  const hubs: Hub[] = [];
  const workers: ScriptedWorker[] = [];
  let bus = createInProcessBus({ onError: () => {} });

  const config = (extra: HubSetup['config']): Config => configSchema.parse({ directory: scratch.path, ...extra });

  return {
    store,
    blobs,
    async hub({ timing, config: extra, providers }: HubSetup = {}): Promise<Hub> {
      const id = `hub-${hubs.length + 1}`;
      const fabric = bus.connect({ hub: id });
      const parts = { id, store, blobs, fabric, config: config(extra), log: silentLog };
      const source = providers && (async () => providers);
      const hub = await createHub({ ...parts, providers: source, timing: { ...quiet, ...timing } });
      hubs.push(hub);
      return hub;
    },
    async worker({ id = `worker-${workers.length + 1}`, ...setup }: WorkerSetup = {}): Promise<ScriptedWorker> {
      const worker = await ScriptedWorker.start({ id, bus, blobs, ...setup });
      workers.push(worker);
      return worker;
    },
    /** From now on hubs and workers are on a fabric of their own, as those of another process are. */
    newProcess(): void {
      bus = createInProcessBus({ onError: () => {} });
    },
    async close(): Promise<void> {
      for (const worker of workers) await worker.crash();
      for (const hub of hubs) await hub.close();
      await store.close();
      await scratch.remove();
    },
  };
}

export type Bench = Awaited<ReturnType<typeof openBench>>;

/** Gives a test a bench of its own, closed afterwards whatever happens. */
export const withBench = (test: (bench: Bench) => Promise<void>) => async () => {
  const bench = await openBench();
  try {
    await test(bench);
  } finally {
    await bench.close();
  }
};

const arrived = Promise.resolve();
const noTurn: Turn = { reached: () => arrived, done: () => {} };

export function callOf(part: Partial<Call> = {}): Call {
  return {
    caller: alice,
    signal: new AbortController().signal,
    turn: noTurn,
    wantsTask: false,
    report: () => {},
    ...part,
  };
}

export const newWorkspace = async (hub: Hub, part: Partial<WorkspaceRequest> = {}): Promise<WorkspaceRecord> =>
  (await hub.workspaces.create({ ...plainRequest, ...part }, callOf())).record;

/** A run of `command`, which the scripted worker's script may act upon. */
export const commandRun = (
  workspace: WorkspaceRecord,
  command: string,
  part: Partial<RunRequest> = {},
): RunRequest => ({
  workspace,
  operation: 'run_command',
  job: { kind: 'command', command, cwd: '', env: {}, timeoutSeconds: 60 },
  waitSeconds: 30,
  render: 'plain',
  ...part,
});
