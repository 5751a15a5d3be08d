import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import type { CollectedArtifact, Job, JobOf, Outcome } from '../../protocol/jobs.ts';
import type { WorkerRequest } from '../../protocol/messages.ts';
import { requestIdHere } from '../../telemetry/scope.ts';
import type { ArtifactWatch } from './artifacts.ts';
import { type BoxKeeper, type LiveBox, sandboxDied } from './box-keeper.ts';
import { BoxdGone } from './boxd/boxd.ts';
import { restoreCheckpoint } from './checkpoints.ts';
import type { Command } from './command.ts';
import { ContextBook } from './context-book.ts';
import { namingDiskLimit } from './disk-limit.ts';
import { runJob } from './job-runner.ts';
import type { JobResult } from './job-stand.ts';
import { redactObject, redactText, type Secret } from './redaction.ts';
import { namesSecrets, resolveSecrets } from './secrets.ts';
import { PROXY_ENV } from './tools/proxy-env.ts';
import type { WorkspaceMeans } from './workspace-means.ts';

/** A cancelled job that boxd has not ended by then takes its box with it: 2 s are promised. */
const CANCEL_GRACE_MS = 1_700;
/** boxd ends jobs in time; one that outlives its time by so much is stuck, and boxd with it. */
const OVERDUE_MS = 15_000;
const FENCE_LOOK_MS = 50;

export interface JobDeskParts {
  readonly opening: WorkerRequest<'workspace.open'>;
  readonly means: WorkspaceMeans;
  readonly log: Log;
  readonly keeper: BoxKeeper;
  readonly artifacts: ArtifactWatch;
  /** Contexts of earlier boxes, by generation. */
  readonly knownContexts: Readonly<Record<string, number>>;
}

type End = Outcome['end'];

/** Takes the jobs of one workspace from their turn in the line to their outcome. */
export class JobDesk {
  readonly contexts: ContextBook;
  readonly #parts: JobDeskParts;
  /** Every secret that went into the box: later output may still hold it. */
  readonly #secrets = new Map<string, Secret>();
  readonly #refused = new WeakSet<Command>();
  /** The workspace's variables; a restored checkpoint brings its own. */
  #env: Readonly<Record<string, string>>;

  constructor(parts: JobDeskParts) {
    this.#parts = parts;
    const { means, opening, log } = parts;
    this.#env = opening.spec.env;
    this.contexts = new ContextBook(parts.knownContexts, generations => {
      means.contexts.save(opening.workspaceId, generations).catch((error: unknown) => {
        log.error({ error }, 'the names of contexts could not be recorded');
      });
    });
  }

  /** The hub did not want it started: it needs not be told how it ended. */
  wasRefused(command: Command): boolean {
    return this.#refused.has(command);
  }

  /** Never rejects; whatever happens is the outcome. */
  async run(command: Command, begun: () => void): Promise<Outcome> {
    const { means, keeper } = this.#parts;
    let result: JobResult | undefined;
    let end: End;
    try {
      result = await this.#run(command, begun);
      end = { kind: 'completed', output: result.output };
    } catch (error) {
      end = await this.#failed(command, error);
    } finally {
      means.tails.unfollow(command.id);
    }
    if (command.cancelReason !== undefined) end = { kind: 'cancelled', reason: command.cancelReason };
    this.#parts.log.debug({ command: command.id, kind: command.job.kind, end: end.kind }, 'a job ended');
    const fullOutput = end.kind === 'completed' ? (result?.fullOutput ?? {}) : {};
    const artifacts = await this.#artifacts(command, result?.mayHaveArtifacts ?? true);
    // What is left of a fork bomb in the background would take the processes of every later run.
    if (end.kind === 'completed' && end.output.limit_hit === 'pids') await keeper.stop();
    return {
      sequence: command.sequence,
      startedAt: command.startedAt,
      artifacts,
      endedAt: Date.now(),
      generation: keeper.generation,
      fullOutput,
      end,
    };
  }

  /** The outcome of a command that is cancelled before its turn. */
  cancelled(command: Command): Outcome {
    return {
      sequence: command.sequence,
      startedAt: null,
      endedAt: Date.now(),
      generation: this.#parts.keeper.generation,
      artifacts: [],
      fullOutput: {},
      end: { kind: 'cancelled', reason: command.cancelReason ?? 'cancelled' },
    };
  }

  /** No needless await on the way: a job whose box is ready is sent to it before this returns. */
  async #run(command: Command, begun: () => void): Promise<JobResult> {
    const { job, signal } = command;
    const { keeper, means, opening } = this.#parts;
    signal.throwIfAborted();
    if (job.kind === 'restore') return await this.#restore(job, command);
    let env = this.#envOf(job);
    if (namesSecrets(env)) env = await this.#resolved(env);
    const live = keeper.live ?? (await keeper.ensure());
    if (command.isDetached) await this.#askToStart(command);
    // A process that was held up may find its turn come after its work was given to another worker.
    if (means.lease.isFenced) await unfenced(means.lease, signal);
    signal.throwIfAborted();
    if (job.kind === 'python' && job.context !== undefined) this.contexts.use(job.context, live.generation);
    command.startedAt = Date.now();
    const running = runJob(job, {
      live,
      command,
      limits: opening.spec.limits,
      env,
      secrets: this.secrets,
      blobs: means.blobs,
      config: means.config.sandbox,
      signal,
      begun,
      follow: whatIsNew => means.tails.follow(command.id, whatIsNew),
    });
    const guard = new Guard(job, { command, live, wallSeconds: opening.spec.limits.wall_seconds });
    try {
      return await running;
    } catch (error) {
      if (error instanceof BoxdGone) throw sandboxDied(await live.gone);
      throw error;
    } finally {
      guard.stop();
    }
  }

  /** Into a new box: nothing that ran in the old one may go on beside files it does not know. */
  async #restore({ manifest, env }: JobOf<'restore'>, command: Command): Promise<JobResult> {
    const { keeper, means, artifacts } = this.#parts;
    if (command.isDetached) await this.#askToStart(command);
    command.startedAt = Date.now();
    await keeper.stop();
    const live = await keeper.ensure();
    try {
      const { entries, installedPackages } = await restoreCheckpoint(manifest, { boxd: live.boxd, blobs: means.blobs });
      artifacts.forget();
      if (env !== undefined) this.#env = env;
      return { output: { fileCount: entries.length, installedPackages }, fullOutput: {} };
    } catch (error) {
      if (error instanceof BoxdGone) throw sandboxDied(await live.gone);
      throw error;
    }
  }

  #envOf(job: Job): Readonly<Record<string, string>> {
    const { network } = this.#parts.opening.spec;
    const env = this.#env;
    // Where nothing may be reached, no variable suggests that something could.
    const proxy = network.allow.length > 0 ? PROXY_ENV : {};
    return 'env' in job ? { ...proxy, ...env, ...job.env } : { ...proxy, ...env };
  }

  /** All that were filled in so far. */
  get secrets(): readonly Secret[] {
    return [...this.#secrets.values()];
  }

  /** What programs of the workspace are given, with secrets filled in. Throws POLICY_DENIED. */
  async environment(): Promise<Readonly<Record<string, string>>> {
    return namesSecrets(this.#env) ? await this.#resolved(this.#env) : this.#env;
  }

  async #resolved(env: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
    const resolved = await resolveSecrets(env, this.#parts.means.config.sandbox.secrets_directory);
    for (const secret of resolved.secrets) this.#secrets.set(`${secret.name} ${secret.value}`, secret);
    return resolved.env;
  }

  async #askToStart(command: Command): Promise<void> {
    const { opening, means } = this.#parts;
    const { workspaceId, epoch } = opening;
    const start = { workspaceId, epoch, commandId: command.id, sequence: command.sequence };
    // What could not be recorded must not have happened.
    if (means.reports.refusal(workspaceId) !== undefined) await means.reports.recordable(workspaceId, command.signal);
    if (await means.mayStart(start, command.signal)) return;
    this.#refused.add(command);
    command.cancel('the hub did not want it started');
    command.signal.throwIfAborted();
  }

  async #failed(command: Command, cause: unknown): Promise<End> {
    const error = namingDiskLimit(cause, this.#parts.opening.spec.limits.disk_mb);
    if (command.cancelReason !== undefined) return { kind: 'cancelled', reason: command.cancelReason };
    const { secrets } = this;
    if (error instanceof AppError) {
      const { details, message, ...shape } = error.toShape();
      const plain = JSON.parse(JSON.stringify(details));
      return {
        kind: 'failed',
        error: { ...shape, message: redactText(message, secrets), details: redactObject(plain, secrets) },
      };
    }
    const reference = requestIdHere();
    if (!command.isAbandoned)
      this.#parts.log.error({ error, reference, kind: command.job.kind }, 'a job failed unforeseen');
    const shape = new AppError('INTERNAL_ERROR', `internal error, reference ${reference}`, { details: { reference } });
    return { kind: 'failed', error: shape.toShape() };
  }

  async #artifacts({ job, startedAt, isAbandoned }: Command, mayHaveAny: boolean): Promise<CollectedArtifact[]> {
    const { live } = this.#parts.keeper;
    if (live === undefined || startedAt === null || isAbandoned || job.kind === 'checkpoint') return [];
    if (!mayHaveAny) {
      this.#parts.artifacts.forget();
      return [];
    }
    return await this.#parts.artifacts.collect(live.boxd);
  }
}

/** Settles when the worker may act again. Rejects with the signal's reason, as when the workspace is given up. */
async function unfenced(lease: WorkspaceMeans['lease'], signal: AbortSignal): Promise<void> {
  while (lease.isFenced) await delay(FENCE_LOOK_MS, undefined, { signal, ref: false });
}

/** Ends the box of a job that boxd does not end: after a cancellation, and long after its time. */
class Guard {
  readonly #stop: () => void;

  constructor(job: Job, { command, live, wallSeconds }: { command: Command; live: LiveBox; wallSeconds: number }) {
    const limitSeconds = 'timeoutSeconds' in job ? Math.min(job.timeoutSeconds, wallSeconds) : wallSeconds;
    let timer = setTimeout(() => void live.box.destroy('wall'), limitSeconds * 1000 + OVERDUE_MS);
    timer.unref();
    const cancelled = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void live.box.destroy('killed'), CANCEL_GRACE_MS);
    };
    command.signal.addEventListener('abort', cancelled, { once: true });
    this.#stop = () => {
      clearTimeout(timer);
      command.signal.removeEventListener('abort', cancelled);
    };
  }

  stop(): void {
    this.#stop();
  }
}
