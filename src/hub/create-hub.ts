import type { Blobs } from '../blobs/blobs.ts';
import type { Config } from '../config/config.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { Fabric } from '../fabric/fabric.ts';
import type { ProviderSource } from '../providers/provider.ts';
import type { Log } from '../log/log.ts';
import { SharedLimits } from '../providers/http/shared-limits.ts';
import type { Store } from '../store/store.ts';
import { addGauge } from '../telemetry/metrics.ts';
import { Activity } from './activity.ts';
import { ApiTokenDesk } from './api-tokens.ts';
import { ArtifactShelf } from './artifacts.ts';
import { AuditTrail } from './audit.ts';
import { AutoCheckpoints } from './auto-checkpoints.ts';
import { Catalog } from './catalog.ts';
import { CheckpointDesk } from './checkpoints.ts';
import { openCodegen } from './codegen/open-codegen.ts';
import { DefaultWorkspaces } from './default-workspaces.ts';
import { Deletion } from './deletion.ts';
import { Drainer } from './drainer.ts';
import { EventLog } from './events.ts';
import { FinishedRuns, FLUSH } from './finished-runs.ts';
import { Background, type Foundation, type Timing, usualTiming } from './foundation.ts';
import { openFleet } from './fleet/open-fleet.ts';
import { HealthDesk } from './health/health.ts';
import { RepairLog } from './health/repair-log.ts';
import { Holders } from './holders.ts';
import type { Hub } from './hub.ts';
import { OnceKeeper } from './idempotency.ts';
import { LaneBook } from './lanes.ts';
import { Leadership } from './leadership.ts';
import { Ledger } from './ledger.ts';
import { LostWorkspaces } from './lost-workspaces.ts';
import { PeerHubs } from './peers.ts';
import { Placement } from './placement.ts';
import { Renderings } from './renderings.ts';
import { RunEnds } from './run-ends.ts';
import { RunDesk } from './runs.ts';
import { serveWorkers } from './serve-workers.ts';
import { CallerLimits } from './limits/caller-limits.ts';
import { ShareDesk } from './sharing/share-desk.ts';
import { Sharing } from './sharing/sharing.ts';
import { openSessions } from './sessions/open-sessions.ts';
import { Sweeper } from './sweeper.ts';
import { TaskRecovery } from './task-recovery.ts';
import { Tails } from './tails.ts';
import { TaskDesk } from './tasks.ts';
import { WorkerBook } from './workers.ts';
import { WorkspaceDesk } from './workspaces.ts';
import { WorkspaceMaker } from './workspace-maker.ts';
import { WorkspaceViews } from './workspace-views.ts';

/** Two may fail before others take the hub for lost. */
const BEATS_PER_LEASE = 3;

export interface HubOptions {
  readonly id: string;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly fabric: Fabric;
  readonly config: Config;
  readonly log: Log;
  /** Of the configuration's file; without one the configuration stays as it is. */
  readonly keeper?: ConfigKeeper;
  /** Of this program. */
  readonly version?: string;
  /** Of agents that run elsewhere. */
  readonly providers?: ProviderSource;
  /** Of requests to services of others, where others in this process make some too. */
  readonly shared?: SharedLimits;
  readonly timing?: Partial<Timing>;
}

/**
 * The control plane. It serves workers when this settles. `close` writes what is waiting to be written; store, blobs and fabric
 * stay open, they are the caller's.
 */
export async function createHub({
  fabric,
  blobs,
  timing,
  version,
  providers = async () => [],
  keeper,
  shared,
  ...given
}: HubOptions): Promise<Hub> {
  const repairs = new RepairLog();
  const options = { ...given, log: repairs.beside(given.log) };
  const foundation: Foundation = {
    ...options,
    link: { fabric, blobs },
    timing: { ...usualTiming, leaseSeconds: options.config.cluster.lease_seconds, ...timing },
    limits: new CallerLimits(options.config.limits, options.store),
    background: new Background(options.log),
  };
  const { store, config, log, background } = foundation;

  await keepAlive(foundation);
  const peers = new PeerHubs(foundation);
  const events = new EventLog(foundation, peers);
  const audit = new AuditTrail(store.audit, log);
  const idempotency = new OnceKeeper(foundation);
  const lanes = new LaneBook();
  const sharing = new Sharing(store.shares);
  const catalog = new Catalog(store.workspaces, sharing);
  const ledger = new Ledger(config.tasks.queue_per_hub);
  const activity = new Activity(foundation);
  const workers = new WorkerBook(foundation);
  const placement = new Placement(foundation, workers);
  const finished = new FinishedRuns(foundation, { events, peers });
  peers.hear(FLUSH, async () => {
    await Promise.all([finished.flush(), activity.flush()]);
  });
  const tails = new Tails(foundation, { events, peers });
  const renderings = new Renderings(log);

  // These know each other in a circle: a lost workspace is found a holder, which needs runs, which need holders.
  const holders: Holders = new Holders(foundation, {
    catalog,
    workers,
    placement,
    flush: () => finished.flushEverywhere(),
    recoveryPoints: id => checkpoints.recoveryPoints(id),
    onClaimed: workspace => recovery.onClaimed(workspace),
  });
  const artifacts: ArtifactShelf = new ArtifactShelf(foundation, {
    events,
    sharing,
    resolve: (id, call, where) => workspaces.resolve(id, call, where),
    fileDo: (workspace, file, call) => workspaces.fileDo(workspace, file, call),
  });
  const ends = new RunEnds(foundation, { artifacts, events, ledger, peers, renderings, tails });
  const tasks = new TaskDesk(foundation, { catalog, ends, events, finished, holders, ledger, sharing, tails });
  const deletion = new Deletion(foundation, { catalog, events, holders, placement, tasks });
  const maker = new WorkspaceMaker(foundation, { catalog, events, holders, placement });
  const views = new WorkspaceViews(foundation, {
    catalog,
    finished,
    holders,
    ledger,
    isCheckpointing: id => checkpoints.isRunning(id),
  });
  const defaults = new DefaultWorkspaces({
    catalog,
    maker,
    store: store.workspaces,
    config,
    remove: workspace => deletion.remove(workspace),
  });
  const workspaceParts = { activity, artifacts, catalog, defaults, deletion, holders, maker, tails, views };
  const workspaces: WorkspaceDesk = new WorkspaceDesk(foundation, workspaceParts);
  const runParts = { activity, artifacts, catalog, finished, holders, idempotency, ledger, renderings, tails, tasks };
  const runs = new RunDesk(foundation, runParts);
  const checkpoints = new CheckpointDesk(foundation, { catalog, deletion, events, maker, runs, sharing, views });
  const recovery = new TaskRecovery(foundation, { catalog, ends, holders, ledger, tails, tasks, workers });
  const lost = new LostWorkspaces(foundation, { catalog, events, holders, workers });
  const auto = new AutoCheckpoints(foundation, events);
  new Drainer(foundation, { checkpoints, holders, ledger, placement, workers });
  new Sweeper(foundation, { activity, deletion, ledger, recovery, workers });

  const { sessions, recorder, presence } = openSessions(foundation, {
    ...{ activity, catalog, holders, events, idempotency, peers, sharing, workers },
  });

  const leadership = new Leadership(foundation);
  const fleet = openFleet(foundation, {
    ...{ providers, desk: sessions.desk, presence: sessions.presence },
    ...{ ends, events, idempotency, leadership, peers, tasks, workers, workspaces },
  });

  const { codegen, stop, start } = openCodegen(foundation, {
    ...{ ends, events, idempotency, keeper, leadership },
    shared: shared ?? new SharedLimits({ records: store.budgets }),
  });
  tasks.ownedBy('codegen', { stop });

  const apiTokens = new ApiTokenDesk(foundation);
  const health = new HealthDesk(foundation, { workers, repairs, version: version ?? 'unknown' });

  await recovery.start();
  const stopHearing = [await placement.start(), await peers.start()];
  const stopServing = await serveWorkers(foundation, {
    audit,
    auto,
    catalog,
    ends,
    events,
    lost,
    recorder,
    presence,
    tails,
    tasks,
    workers,
  });
  start();
  addGauge('boxswain_runs_unfinished', 'Runs that wait or run, tasks included', () => ledger.size);

  let closing: Promise<void> | undefined;
  const close = async () => {
    await stopServing();
    for (const stop of stopHearing) await stop();
    await background.close();
    await tails.close();
    await finished.flush();
    await activity.flush();
    await audit.close();
    await store.hubs.leave(foundation.id);
  };
  return {
    workspaces,
    runs,
    tasks,
    checkpoints,
    artifacts,
    events,
    audit,
    idempotency,
    lanes,
    workers: {
      list: () => workers.list(),
      views: () => workers.views(),
      waiting: () => placement.waiting(),
      drain: (id, isDraining) => workers.drain(id, isDraining),
      remove: (id, options) => workers.remove(id, options),
    },
    clientSessions: store.clientSessions,
    shares: new ShareDesk(store),
    limits: foundation.limits,
    sessions,
    codegen,
    fleet,
    apiTokens,
    peers,
    health,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Other hubs see by its lease that this one is there, and leave it the calls that it has begun. */
async function keepAlive({ id, store, timing, background }: Foundation): Promise<void> {
  const beat = () => store.hubs.beat(id, timing.leaseSeconds);
  await beat();
  background.every((timing.leaseSeconds * 1000) / BEATS_PER_LEASE, 'renew the lease of this hub', beat);
}
