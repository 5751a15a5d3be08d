import { arch, platform } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../blobs/blobs.ts';
import type { Config } from '../config/config.ts';
import { offersSessions } from '../config/sessions.ts';
import { AppError } from '../errors/app-error.ts';
import type { Fabric } from '../fabric/fabric.ts';
import type { Log } from '../log/log.ts';
import { askHub, type Link, serveWorker } from '../protocol/link.ts';
import type { HubRequest } from '../protocol/messages.ts';
import { type Agents, openAgents } from './agents/open-agents.ts';
import { type OpenDrivers, openDrivers } from './agents/open-drivers.ts';
import { Backoff } from './backoff.ts';
import { emptied } from './departure.ts';
import { addWorkerGauges } from './gauges.ts';
import { describeEngine, workerHandlers } from './handlers.ts';
import { Membership } from './membership.ts';
import { Outbox } from './outbox.ts';
import { Reports } from './reports.ts';
import { CheckpointBudget } from './sandbox/checkpoint-budget.ts';
import { createBoxHouse, sandboxDirectory } from './sandbox/box-house.ts';
import { ContextRecords } from './sandbox/context-records.ts';
import { EndedCommands } from './sandbox/ended-commands.ts';
import type { EngineReport, SandboxEngine } from './sandbox/engine.ts';
import { LiveTails } from './sandbox/live-tails.ts';
import { presentPrograms } from './sandbox/tools/present.ts';
import { Workspaces } from './workspaces.ts';

const ASK_TIMEOUT_MS = 10_000;
const STUCK_AFTER_MS = 60_000;
const STORE_AFTER_MS = 250;

export interface WorkerOptions {
  readonly id: string;
  /** Machine and data directory: workers that share it can open each other's workspaces' files. */
  readonly site: string;
  readonly fabric: Fabric;
  readonly blobs: Blobs;
  readonly config: Config;
  readonly log: Log;
  readonly engine: SandboxEngine;
  /** What the engine's probe said; probed here when it is left out. */
  readonly report?: EngineReport;
  /** Its hubs are other processes, and outlive it. */
  readonly isRemote?: boolean;
  readonly beatMs?: number;
  /** Of this program, for operators to compare. */
  readonly version?: string;
  /** How long a box may take for a request on files; the longest is to hash a file as large as the disk. */
  readonly stuckAfterMs?: number;
  readonly signal?: AbortSignal;
  /** Variables of the user whose coding agents these are. */
  readonly agentEnvironment?: Readonly<Record<string, string | undefined>>;
}

export interface Worker {
  readonly id: string;
  /**
   * Asks the hubs to give its workspaces to other workers, and settles when none is left, when what is left can go nowhere and
   * nothing runs, or after so many seconds.
   */
  drain(options: { seconds: number }): Promise<void>;
  /** Tells the hubs of new slots and labels. */
  change(card: Pick<Config['worker'], 'slots' | 'labels'>): Promise<void>;
  /** It has its place among the hub's workers, and may act. */
  readonly isReady: boolean;
  /** Stops accepting, ends boxes, leaves. The files of workspaces stay. */
  close(): Promise<void>;
}

/** Starts a worker: removes what a crashed one left, serves the hubs' requests, joins. Settles when a hub took it in. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { id, site, fabric, blobs, config, engine, stuckAfterMs = STUCK_AFTER_MS } = options;
  const log = options.log.child({ worker: id });
  const link = { fabric, blobs };
  const removed = await engine.reap();
  if (removed.length > 0) log.info({ removed }, 'removed what a worker that crashed had left');
  const report = options.report ?? (await engine.probe(options.signal));

  const outboxFolder = config.worker.outbox_directory ?? join(config.directory, 'outbox');
  const outbox = new Outbox({ path: join(outboxFolder, `${id}.db`), log });
  // In one process, what the hub does not hear of at once it will not hear of later either, as it ends with its worker.
  const reports = new Reports({ link, log, outbox, storeAfterMs: options.isRemote ? 0 : STORE_AFTER_MS });
  const tails = new LiveTails({ fabric, blobs, worker: id, log });
  const drivers = await driversOf(options, log);
  const mounts = drivers && (() => drivers.programs.mounts());
  const housing = await createBoxHouse({ engine, report, config, log, reports, ...(mounts && { mounts }) });
  const mayStart = asking(link, log);
  let isClosing = false;
  const mayWork = () => !isClosing && !membership.isFenced;
  const contexts = new ContextRecords(join(sandboxDirectory(config), 'contexts'));
  const means = {
    config,
    blobs,
    log,
    housing,
    contexts,
    reports,
    tails,
    ended: new EndedCommands(),
    stuckAfterMs,
    mayStart,
    lease: {
      get isFenced() {
        return isClosing || membership.isFenced;
      },
    },
    ...(takesCheckpoints(options) && {
      checkpoints: {
        budget: new CheckpointBudget({ share: config.sandbox.checkpoints.time_share }),
        keep: keeping(link, log),
      },
    }),
  };
  const workspaces = new Workspaces(means, report);
  const programs = await presentPrograms();
  const versions = { boxswain: options.version ?? 'unknown', node: process.version };
  const capabilities = { engines: [describeEngine(report)], ...programs, platform: platform(), arch: arch(), versions };
  const { labels } = config.worker;
  // Without boxes it takes no workspaces, and cannot go on with those of another worker of its site.
  const slots = report.works ? config.worker.slots : 0;
  const card = { site: report.works ? site : `${site} without boxes`, slots, labels, capabilities };
  const { beatMs } = options;
  const freeze = (isFrozen: boolean) => {
    workspaces
      .freezeAll(isFrozen)
      .catch((error: unknown) => log.error({ error, isFrozen }, 'a box could not be paused'));
  };
  const membership: Membership = new Membership({
    link,
    log,
    card,
    beatMs,
    beforeJoin: signal => reports.drain(signal),
    onLost: async () => {
      await Promise.all([workspaces.abandonAll(), agents?.sessions.abandonAll()]);
    },
    onSilence: () => freeze(true),
    onHeard: () => freeze(false),
  });
  const agents = drivers && (await agentsOf(options, { log, mayWork, link, workspaces, opened: drivers }));
  addWorkerGauges({ slots, workspaces, membership, reports });
  const stopServing = await serveWorker(link, {
    worker: id,
    handlers: workerHandlers({ workspaces, engine: report, ...agents, mayWork }),
    onError: (error, context) => log.error({ error, ...context }, 'a request failed unforeseen'),
  });

  const close = async () => {
    if (isClosing) return;
    isClosing = true;
    // Those in boxes are parked before their boxes end.
    await agents?.close();
    await workspaces.abandonAll();
    await stopServing();
    await housing.close();
    await membership.leave();
    reports.close();
    tails.close();
  };
  try {
    await membership.join(options.signal ?? new AbortController().signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    id,
    get isReady() {
      return mayWork();
    },
    drain: time => emptied({ membership, workspaces, log }, time),
    change: async changed => void (await membership.change({ ...changed, slots: report.works ? changed.slots : 0 })),
    close,
  };
}

/** The coding agents of this machine, where there are directories in which they may work. */
async function driversOf(
  { config, agentEnvironment: variables = {} }: WorkerOptions,
  log: Log,
): Promise<OpenDrivers | undefined> {
  return offersSessions(config) ? await openDrivers({ config, log, variables }) : undefined;
}

async function agentsOf(
  { id, config, blobs }: WorkerOptions,
  parts: { log: Log; mayWork: () => boolean; link: Link; workspaces: Workspaces; opened: OpenDrivers },
): Promise<Agents> {
  const { link } = parts;
  const tell = (told: HubRequest<'session.told'>) => askHub(link, 'session.told', told, { timeoutMs: ASK_TIMEOUT_MS });
  return await openAgents({
    ...parts,
    worker: id,
    config,
    blobs,
    tell,
    tellOpen: (open, signal) =>
      askHub(link, 'presence.told', { open: [...open] }, { timeoutMs: ASK_TIMEOUT_MS, signal }),
    tellGrown: ids => askHub(link, 'transcripts.grew', { agentSessionIds: [...ids] }, { timeoutMs: ASK_TIMEOUT_MS }),
  });
}

/** Asks until a hub answers. A refusal counts as no; trouble of the hub's own is no answer. */
function asking(link: Link, log: Log) {
  return async (start: HubRequest<'run.started'>, signal: AbortSignal): Promise<boolean> => {
    const backoff = new Backoff({ firstMs: 50, mostMs: 5_000 });
    while (true) {
      signal.throwIfAborted();
      try {
        return (await askHub(link, 'run.started', start, { timeoutMs: ASK_TIMEOUT_MS, signal })).mayStart;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof AppError && error.code !== 'INTERNAL_ERROR') return false;
        log.debug({ error }, 'no hub has said yet whether a job may start');
      }
      await backoff.wait(signal);
    }
  };
}

const takesCheckpoints = ({ config, isRemote = false }: WorkerOptions): boolean => {
  const { auto } = config.sandbox.checkpoints;
  return auto === 'always' || (auto === 'cluster' && isRemote);
};

/** Tells of a checkpoint until a hub has recorded it. A refusal counts as no; trouble of the hub's own is no answer. */
function keeping(link: Link, log: Log) {
  return async (taken: HubRequest<'checkpoint.taken'>, signal: AbortSignal): Promise<boolean> => {
    const backoff = new Backoff({ firstMs: 100, mostMs: 5_000 });
    while (true) {
      signal.throwIfAborted();
      try {
        return (await askHub(link, 'checkpoint.taken', taken, { timeoutMs: ASK_TIMEOUT_MS, signal })).isKept;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof AppError && error.code !== 'INTERNAL_ERROR') return false;
        log.debug({ error }, 'no hub has recorded a checkpoint yet');
      }
      await backoff.wait(signal);
    }
  };
}
