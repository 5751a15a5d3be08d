import { AppError } from '../../errors/app-error.ts';
import { NotHere } from '../../protocol/link.ts';
import type { FileRequest } from '../../protocol/files.ts';
import type { Job } from '../../protocol/jobs.ts';
import type { WorkerReply, WorkerRequest } from '../../protocol/messages.ts';
import { traced } from '../../telemetry/tracing.ts';
import { ArtifactWatch } from './artifacts.ts';
import { AutoCheckpoint } from './auto-checkpoint.ts';
import { BoxKeeper, type LiveBox } from './box-keeper.ts';
import { BoxdGone } from './boxd/boxd.ts';
import { Command } from './command.ts';
import type { KnownCommand } from './ended-commands.ts';
import { namingDiskLimit } from './disk-limit.ts';
import { doFile, type FileAnswer, waitsItsTurn } from './file-requests.ts';
import { sandboxDied } from './box-keeper.ts';
import { JobDesk } from './job-desk.ts';
import { Line, type Place } from './line.ts';
import { Lodgings } from './lodgings.ts';
import type { WorkspaceMeans } from './workspace-means.ts';

type Opening = WorkerRequest<'workspace.open'>;
type Inspection = WorkerReply<'workspace.inspect'>;

const BYTES_PER_MB = 1024 * 1024;
const FILL_TIMEOUT_MS = 3_600_000;

/** One workspace on this worker, from when it is opened until it is closed: its line of work, its box, its commands. */
export class HostedWorkspace {
  readonly id: string;
  readonly epoch: number;
  /** For what lives in the box beside the line of work. */
  readonly lodgings: Lodgings;
  readonly #opening: Opening;
  readonly #means: WorkspaceMeans;
  readonly #line: Line;
  readonly #keeper: BoxKeeper;
  readonly #artifacts: ArtifactWatch;
  readonly #desk: JobDesk;
  /** Those that have not ended. */
  readonly #commands = new Map<string, { readonly command: Command; place: Place | undefined }>();
  /** Absent where nobody takes checkpoints without being asked. */
  readonly #auto: AutoCheckpoint | undefined;
  /** Why its box stands still. */
  readonly #frozen = new Set<string>();
  /** Files that are being put in before anything else is done here. */
  #filling: Promise<unknown> | undefined;
  #diskBytes = 0;
  #mustLearn: boolean;

  /** `knownContexts` are those of earlier boxes, by generation. */
  constructor(opening: Opening, means: WorkspaceMeans, knownContexts: Readonly<Record<string, number>> = {}) {
    const { workspaceId, epoch, spec } = opening;
    const log = means.log.child({ workspace: workspaceId });
    this.id = workspaceId;
    this.epoch = epoch;
    this.#opening = opening;
    this.#means = means;
    this.#mustLearn = !opening.fresh;
    this.#line = new Line({ lastSequence: opening.lastSequence });
    this.#artifacts = new ArtifactWatch({ blobs: means.blobs, log, maxBytes: spec.limits.disk_mb * BYTES_PER_MB });
    this.#keeper = new BoxKeeper({
      generation: opening.generation,
      idleStopMs: spec.idleStopSeconds * 1000,
      log,
      house: signal => this.#house(signal),
      onChange: change => {
        means.reports.send('box.changed', { workspaceId, epoch, ...change }, { key: `box ${workspaceId}` });
      },
    });
    const { checkpoints, config, blobs } = means;
    this.#auto =
      checkpoints &&
      new AutoCheckpoint({
        means: checkpoints,
        hold: { workspaceId, epoch },
        parent: opening.restore?.manifest ?? opening.checkpoint ?? null,
        timing: config.sandbox.checkpoints,
        blobs,
        log,
        quiet: () => this.#quiet(),
      });
    this.#desk = new JobDesk({ opening, means, log, keeper: this.#keeper, artifacts: this.#artifacts, knownContexts });
    this.lodgings = new Lodgings({
      keeper: this.#keeper,
      auto: this.#auto,
      filled: async () => await this.#filling,
      env: () => this.#desk.environment(),
      secrets: () => this.#desk.secrets,
    });
  }

  get generation(): number {
    return this.#keeper.generation;
  }

  get lastSequence(): number {
    return this.#line.lastSequence;
  }

  /** Commands that wait or run. */
  get active(): number {
    return this.#commands.size;
  }

  /** Nothing runs or waits, and nothing was accepted after `sequence`. */
  isAsOf(sequence: number): boolean {
    const isIdle = this.#commands.size === 0 && this.#line.isIdle && !this.lodgings.isWorking;
    return isIdle && this.#line.lastSequence === sequence;
  }

  get hasBox(): boolean {
    return this.#keeper.live !== undefined;
  }

  /** Puts the job into the line. A command that is known is not run again. Throws QUEUE_FULL. */
  submit(id: string, job: Job, options: { isDetached: boolean }): KnownCommand {
    const known = this.find(id);
    if (known !== undefined) {
      if (options.isDetached) this.detach(known);
      return known;
    }
    this.#refuseOverflow();
    const refusal = options.isDetached ? this.#means.reports.refusal(this.id) : undefined;
    if (refusal !== undefined) throw refusal;
    this.#auto?.called({ mayChange: job.kind !== 'checkpoint' });
    const command = new Command(id, job, options);
    const entry: { readonly command: Command; place: Place | undefined } = { command, place: undefined };
    this.#commands.set(id, entry);
    entry.place = this.#line.accept('job', (begun, sequence) => {
      command.sequence = sequence;
      return this.#execute(command, begun);
    });
    command.sequence = entry.place.sequence;
    return command;
  }

  find(id: string): KnownCommand | undefined {
    return this.#commands.get(id)?.command ?? this.#means.ended.get(this.#keyOf(id));
  }

  /** From now on the hub is told how the command ends; at once, when it has ended already. */
  detach(command: KnownCommand): void {
    if (command.isDetached) return;
    command.isDetached = true;
    if (command.outcome !== undefined) this.#tellEnd(command);
  }

  /** A queued command never starts; a running one is killed with all it started. */
  cancel(id: string, reason: string): WorkerReply<'run.cancel'> {
    const command = this.#commands.get(id)?.command;
    if (command === undefined || command.state === 'ended') {
      return { cancelled: false, state: this.find(id) === undefined ? 'unknown' : 'ended' };
    }
    const { state } = command;
    this.#cancel(command, reason);
    return { cancelled: true, state };
  }

  /** Puts the files of a checkpoint in; whatever is asked of the workspace waits for that. Throws what restoring it throws. */
  async fill(manifest: string): Promise<void> {
    const command = this.submit(this.#fillId, { kind: 'restore', manifest }, { isDetached: false });
    this.#filling = command.wait(FILL_TIMEOUT_MS).catch(() => {});
    await command.wait(FILL_TIMEOUT_MS);
    this.#filling = undefined;
    const end = command.outcome?.end;
    if (end?.kind === 'completed') return;
    throw end?.kind === 'failed' ? AppError.fromShape(end.error) : new NotHere('the workspace could not be filled');
  }

  /** Its box stands still while there is any reason for it. */
  async freeze(reason: string, isFrozen: boolean): Promise<void> {
    const before = this.#frozen.size > 0;
    if (isFrozen) this.#frozen.add(reason);
    else this.#frozen.delete(reason);
    const now = this.#frozen.size > 0;
    if (now !== before) await this.#keeper.live?.box.freeze(now);
  }

  /** Does a request on files; `write`, `edit` and `collect` in their turn. Throws what the box says about the path. */
  async file(request: FileRequest): Promise<FileAnswer & { generation: number }> {
    if (this.#filling !== undefined) await this.#filling;
    this.#keeper.enter();
    const mayChange = waitsItsTurn(request);
    this.#auto?.called({ mayChange });
    try {
      const answer = mayChange ? await this.#fileInTurn(request) : await this.#doFile(request);
      return { ...answer, generation: this.#keeper.generation };
    } finally {
      this.#keeper.leave();
      this.#auto?.called({ mayChange });
    }
  }

  async inspect({ withUsage }: { withUsage: boolean }): Promise<Inspection> {
    const { generation } = this.#keeper;
    return {
      state: this.#state(),
      generation,
      activeTasks: this.#commands.size,
      contexts: this.#keeper.live === undefined ? [] : this.#desk.contexts.list(generation),
      usage: withUsage ? await this.#usage() : null,
    };
  }

  /** Cancels all work and ends the box; the files stay. Settles when nothing runs any more. */
  async cancelAll(reason: string): Promise<void> {
    for (const { command } of [...this.#commands.values()]) this.#cancel(command, reason);
    this.lodgings.close(reason);
    this.#auto?.close();
    await this.#keeper.close();
    await this.#line.idle();
    this.#means.ended.forget(this.#keyOf(''));
  }

  /**
   * Gives up the workspace without telling any end: another holder will know what becomes of its tasks. What has not started
   * may be placed again, so its waiters are told that it is not here.
   */
  async abandon(): Promise<void> {
    for (const { command, place } of [...this.#commands.values()]) {
      const neverRan = place?.withdraw() === true;
      command.abandon(neverRan ? new NotHere() : sandboxDied({ kind: 'engine_lost', detail: 'the worker gave it up' }));
      if (neverRan) this.#commands.delete(command.id);
    }
    this.lodgings.close('its worker gave the workspace up');
    this.#auto?.close();
    await this.#keeper.close();
    await this.#line.idle();
    this.#means.ended.forget(this.#keyOf(''));
  }

  async #house(signal: AbortSignal) {
    const { workspaceId, epoch, spec } = this.#opening;
    const isRecovered = this.#filling !== undefined;
    const housed = await this.#means.housing.house({ workspaceId, epoch, spec, isRecovered }, signal);
    // What lay there when the worker took the workspace on was registered by its last holder.
    if (this.#mustLearn) await this.#artifacts.learn(housed.boxd);
    this.#mustLearn = false;
    return housed;
  }

  async #execute(command: Command, begun: () => void): Promise<void> {
    this.#keeper.enter();
    try {
      const outcome = await this.#desk.run(command, begun);
      if (command.isAbandoned) return;
      command.end(outcome);
      this.#means.ended.add(this.#keyOf(command.id), command);
      if (command.isDetached && !this.#desk.wasRefused(command)) this.#tellEnd(command);
    } finally {
      this.#commands.delete(command.id);
      this.#keeper.leave();
      this.#mayHaveChanged(command);
    }
  }

  #mayHaveChanged({ id, job, outcome }: Command): void {
    const output = outcome?.end.kind === 'completed' ? outcome.end.output : {};
    if (job.kind === 'checkpoint' && typeof output.manifest === 'string') this.#auto?.isAt(output.manifest);
    else if (job.kind === 'restore' && id === this.#fillId) this.#auto?.isAt(job.manifest);
    else this.#auto?.called({ mayChange: job.kind !== 'checkpoint' });
  }

  get #fillId(): string {
    return `fill ${this.epoch}`;
  }

  #quiet(): { live: LiveBox; sequence: number } | undefined {
    const { live } = this.#keeper;
    if (live === undefined || !this.#line.isIdle || this.#commands.size > 0) return undefined;
    return { live, sequence: this.#line.lastSequence };
  }

  #cancel(command: Command, reason: string): void {
    command.cancel(reason);
    if (this.#commands.get(command.id)?.place?.withdraw() !== true) return;
    command.end(this.#desk.cancelled(command));
    this.#commands.delete(command.id);
    this.#means.ended.add(this.#keyOf(command.id), command);
    if (command.isDetached) this.#tellEnd(command);
  }

  #tellEnd({ id: commandId, outcome }: KnownCommand): void {
    if (outcome === undefined) return;
    this.#means.reports.send('run.ended', { workspaceId: this.id, epoch: this.epoch, commandId, outcome });
  }

  #fileInTurn(request: FileRequest): Promise<FileAnswer> {
    this.#refuseOverflow();
    const { promise, resolve } = Promise.withResolvers<FileAnswer>();
    this.#line.accept('gate', async () => {
      const answer = this.#doFile(request);
      resolve(answer);
      // The line waits for the end, whatever it is; the caller hears what it was.
      await answer.catch(() => {});
    });
    return promise;
  }

  async #doFile(request: FileRequest): Promise<FileAnswer> {
    const live = this.#keeper.live ?? (await this.#keeper.ensure());
    const work = () => doFile(request, { boxd: live.boxd, artifacts: this.#artifacts });
    return await this.#answered(live, traced(`boxd ${request.kind}`, work));
  }

  /** Ends a box that does not answer: code in it may have stopped its boxd, and whoever asks would wait for ever. */
  async #answered<Answer>(live: LiveBox, answer: Promise<Answer>): Promise<Answer> {
    const overdue = setTimeout(() => void live.box.destroy('killed'), this.#means.stuckAfterMs);
    try {
      return await answer;
    } catch (error) {
      if (error instanceof BoxdGone) throw sandboxDied(await live.gone);
      throw namingDiskLimit(error, this.#opening.spec.limits.disk_mb);
    } finally {
      clearTimeout(overdue);
    }
  }

  #refuseOverflow(): void {
    const cap = this.#means.config.tasks.queue_per_workspace;
    if (this.#line.waiting < cap) return;
    throw new AppError('QUEUE_FULL', `the workspace has ${cap} tasks queued, which is its cap`, {
      hint: 'wait for tasks to end, or cancel some',
      details: { cap, retry_after_seconds: 5 },
    });
  }

  #state(): Inspection['state'] {
    const running = [...this.#commands.values()].find(({ command }) => command.state === 'running')?.command;
    if (running?.job.kind === 'checkpoint') return 'checkpointing';
    if (this.#commands.size > 0) return 'busy';
    // A workspace whose first box is still to come is as ready as one with a box.
    const hasEnded = this.#keeper.live === undefined && !this.#keeper.isStarting && this.#keeper.generation > 0;
    return hasEnded ? 'stopped' : 'ready';
  }

  async #usage(): Promise<NonNullable<Inspection['usage']>> {
    const { live } = this.#keeper;
    if (live === undefined) return { memory_bytes: 0, disk_bytes: this.#diskBytes, cpu_ms: 0 };
    const [stats, disk] = await this.#answered(live, Promise.all([live.box.stats(), live.boxd.diskUsage()]));
    this.#diskBytes = disk.usedBytes;
    return { memory_bytes: stats.memoryBytes, disk_bytes: disk.usedBytes, cpu_ms: stats.cpuMs };
  }

  #keyOf(commandId: string): string {
    return `${this.id} ${commandId}`;
  }
}
