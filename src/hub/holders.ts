import { AppError } from '../errors/app-error.ts';
import type { WorkerReply, WorkerRequest, WorkerVerb } from '../protocol/messages.ts';
import { type AskOptions, askWorker, NotHere } from '../protocol/link.ts';
import { workspaceSpecSchema } from '../protocol/workspace-spec.ts';
import type { CheckpointRecord, WorkerRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import { Counts } from './counts.ts';
import { changingHands, isUnreachable, noWorker, workerLost, workspaceNotFound } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Candidate, Placement } from './placement.ts';
import { allTaken } from './queue.ts';
import { type StoredSpec, specAsJson, specOf } from './stored-spec.ts';
import type { WorkerBook } from './workers.ts';

const OPEN_TIMEOUT_MS = 60_000;
/** An opening that puts files in takes as long as these take to come. */
const FILL_TIMEOUT_MS = 3_600_000;
/** A hub that has claimed a workspace opens it at once; one that has not by then is gone. */
const OPENED_WITHIN_MS = 5_000;
/** What was lost is spread: an empty worker alone would be slow to take all of it. One that it is putting in counts as so many more. */
const FILLING_WEIGHT = 2;
/** Once for a record that was old, once for a worker that had lost the workspace. */
const MAX_LOOKS = 2;

export interface HolderOptions extends AskOptions {
  /** The workspace is being deleted: its files are not worth restoring elsewhere. */
  readonly isEnding?: boolean;
}

export interface Hold {
  readonly workspaceId: string;
  readonly epoch: number;
}

interface Found {
  /** Nobody serves the holder's address; else it said that it does not hold the workspace. */
  readonly isGone: boolean;
  readonly isEnding: boolean;
  readonly error: unknown;
}

/** Takes a checkpoint that reaches to the sequence it answers. */
type Save = (workspace: WorkspaceRecord) => Promise<{ readonly sequence: number }>;

interface Gift {
  readonly target: WorkerRecord | undefined;
  readonly isFresh: boolean;
  readonly restore?: CheckpointRecord;
  readonly filling?: StoredSpec['filling'];
}

interface Parts {
  readonly catalog: Catalog;
  readonly workers: WorkerBook;
  readonly placement: Placement;
  /** Checkpoints to recover it from, the newest first. */
  recoveryPoints(workspaceId: string): Promise<CheckpointRecord[]>;
  /** A workspace changed hands: looks after the tasks that its last holder had. */
  onClaimed(workspace: WorkspaceRecord): Promise<void>;
  flush(): Promise<void>;
}

/**
 * Reaches the worker that holds a workspace. When that no longer has it, the workspace is given to a worker that can take it,
 * and the request is made again.
 */
export class Holders {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  /** One claim at a time for a workspace, however many requests found it lost. */
  readonly #claims = new Map<string, Promise<WorkspaceRecord>>();
  /** Requests wait while their workspace moves. */
  readonly #moves = new Map<string, Promise<void>>();
  readonly #underWay = new Counts();
  /** Workspaces that each worker is putting files in, for this hub. */
  readonly #filling = new Counts();
  #choices: Promise<unknown> = Promise.resolve();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /**
   * Asks the holder. The first message is on its way when this returns, so the caller may give up its place in line. Throws
   * like `askWorker`, but never NotHere; WORKSPACE_NOT_FOUND for one that was deleted; SANDBOX_DIED when the holder was lost.
   */
  async ask<Verb extends WorkerVerb>(
    workspace: WorkspaceRecord,
    verb: Verb,
    body: (hold: Hold) => WorkerRequest<Verb>,
    { isEnding = false, ...options }: HolderOptions,
  ): Promise<WorkerReply<Verb>> {
    const moving = this.#moves.get(workspace.id);
    if (moving !== undefined) await moving;
    const { catalog, workers } = this.#parts;
    let current = catalog.latest(workspace);
    if (workers.mayBeLost(current.worker) && !(await workers.holds(current.worker))) {
      current = await this.#again(current, { isGone: true, isEnding, error: workerLost() });
      options.signal?.throwIfAborted();
    }
    for (let looks = 0; ; looks += 1) {
      try {
        return await this.send(current, verb, body, options);
      } catch (error) {
        const isGone = isUnreachable(error);
        if (!(error instanceof NotHere || isGone)) throw error;
        if (looks >= MAX_LOOKS)
          throw isGone ? changingHands('not_connected', causeOf(error)) : noWorker('not_held', error);
        current = await this.#again(current, { isGone, isEnding, error });
        options.signal?.throwIfAborted();
      }
    }
  }

  /** Asks the holder that the record names, and only it. */
  send<Verb extends WorkerVerb>(
    { id, epoch, worker }: WorkspaceRecord,
    verb: Verb,
    body: (hold: Hold) => WorkerRequest<Verb>,
    options: AskOptions,
  ): Promise<WorkerReply<Verb>> {
    const request = body({ workspaceId: id, epoch });
    const answer = askWorker(this.#foundation.link, verb, request, { ...options, worker });
    this.#underWay.add(id, 1);
    const left = () => this.#underWay.add(id, -1);
    answer.then(left, left);
    return this.#parts.workers.whileAlive(worker, answer);
  }

  /** Finds a holder for a workspace whose worker was lost, where it can be had from another worker or a checkpoint. */
  async recover(workspace: WorkspaceRecord): Promise<void> {
    if (await this.#parts.workers.holds(workspace.worker)) return;
    const { site } = specOf(workspace);
    // Where its files are still there, whoever needs it next opens it as it is.
    if ((await this.#parts.workers.live()).some(worker => worker.site === site)) return;
    if ((await this.#parts.recoveryPoints(workspace.id)).length === 0) return;
    await this.#again(workspace, { isGone: true, isEnding: false, error: workerLost() });
  }

  /** Requests on this workspace that have no answer yet. */
  underWay(workspaceId: string): number {
    return this.#underWay.of(workspaceId);
  }

  /**
   * Gives a workspace that nobody uses to another worker; false when it was used meanwhile, and stays. `save` takes a checkpoint of
   * it. Requests that come meanwhile wait, then go to the new holder; when the move fails, to the old one.
   */
  async move(workspace: WorkspaceRecord, target: WorkerRecord, save: Save): Promise<boolean> {
    const moving = this.#move(workspace, target, save);
    const settled = moving.then(
      () => {},
      () => {},
    );
    this.#moves.set(workspace.id, settled);
    try {
      return await moving;
    } finally {
      this.#moves.delete(workspace.id);
    }
  }

  /**
   * Lets the worker that the record names take the workspace on, and records what it says about it. `restore`: it puts the files of
   * that checkpoint in first, and tells by itself when they are there.
   */
  async open(
    workspace: WorkspaceRecord,
    { isFresh, restore }: { isFresh: boolean; restore?: CheckpointRecord },
  ): Promise<WorkspaceRecord> {
    const { store } = this.#foundation;
    const { catalog, flush, recoveryPoints } = this.#parts;
    const isNew = workspace.epoch === 1;
    if (!isNew) await flush();
    const [newest] = isNew ? [] : await recoveryPoints(workspace.id);
    // Writes have a place in the line and no row, so what the newest checkpoint has of them counts too.
    const lastSequence = isNew ? 0 : Math.max(await store.tasks.lastSequence(workspace.id), newest?.sequence ?? 0);
    const { engine, enforcement } = await this.send(
      workspace,
      'workspace.open',
      hold => ({
        ...hold,
        spec: workspaceSpecSchema.parse(workspace.spec),
        generation: workspace.generation,
        lastSequence,
        fresh: isFresh,
        checkpoint: newest?.manifest ?? null,
        ...(restore && { restore: { checkpointId: restore.id, manifest: restore.manifest } }),
      }),
      { timeoutMs: restore ? FILL_TIMEOUT_MS : OPEN_TIMEOUT_MS },
    );
    if (restore) return (await catalog.refresh(workspace.id)) ?? raise(workspaceNotFound(workspace.id));
    const { worker, epoch } = workspace;
    const patch = { state: 'ready', engine, spec: specAsJson({ ...specOf(workspace), enforcement }) } as const;
    // Fenced: another hub has claimed it meanwhile, and it is where that says.
    if (!(await store.workspaces.update(workspace.id, { worker, epoch }, patch)))
      return (await catalog.refresh(workspace.id)) ?? raise(workspaceNotFound(workspace.id));
    const opened = { ...workspace, ...patch };
    catalog.remember(opened);
    return opened;
  }

  async #move(workspace: WorkspaceRecord, target: WorkerRecord, save: Save): Promise<boolean> {
    const { catalog } = this.#parts;
    const before = await catalog.refresh(workspace.id);
    if (before === undefined || before.epoch !== workspace.epoch) return false;
    const { sequence } = await save(before);
    // Requests come by other hubs too. What was accepted after the checkpoint must not be lost: then the worker keeps it.
    const release = this.send(before, 'workspace.release', hold => ({ ...hold, sequence }), {
      timeoutMs: OPEN_TIMEOUT_MS,
    });
    if (!(await release).isReleased) return false;
    await this.#fill(before, { target, isMove: true });
    const close = this.send(before, 'workspace.close', hold => hold, { timeoutMs: OPEN_TIMEOUT_MS });
    await close.catch(error => {
      this.#foundation.log.warn(
        { err: error, workspace: before.id },
        'a workspace that moved was not closed where it was',
      );
    });
    return true;
  }

  #again(stale: WorkspaceRecord, found: Found): Promise<WorkspaceRecord> {
    const running = this.#claims.get(stale.id);
    if (running !== undefined) return running;
    const claim = this.#claim(stale, found).finally(() => this.#claims.delete(stale.id));
    this.#claims.set(stale.id, claim);
    return claim;
  }

  async #claim(stale: WorkspaceRecord, { isGone, isEnding, error }: Found): Promise<WorkspaceRecord> {
    const { catalog, workers } = this.#parts;
    const now = await catalog.refresh(stale.id);
    if (now === undefined) throw workspaceNotFound(stale.id);
    // Its files are being removed, perhaps by another hub.
    if (now.state === 'draining' && !isEnding) throw workspaceNotFound(stale.id);
    // Somebody else has claimed it meanwhile; what we know was old.
    if (now.epoch !== stale.epoch) return now;
    const live = await workers.live();
    const holder = live.find(worker => worker.id === now.worker);
    // A holder that cannot be reached from here may still be at work until it is reaped: its lease decides.
    if (isGone || holder === undefined) {
      if (await workers.holds(now.worker)) throw changingHands('not_connected', causeOf(error));
    }
    const { site, filling } = specOf(now);
    if (filling !== null) {
      const ageMs = (await this.#foundation.store.now()) - filling.since;
      // Whoever claimed it is about to open it.
      if (holder !== undefined && ageMs < OPENED_WITHIN_MS) throw changingHands('recovering');
      if (isEnding) throw workerLost();
      return await this.#fill(now, { target: holder, isMove: filling.isMove });
    }
    // Its own worker started anew, or one that has its files.
    const heir = live.some(worker => worker.site === site) ? this.#neighbour(live, { site, holder }) : undefined;
    if (heir !== undefined) return await this.#give(now, { target: heir, isFresh: false });
    if (isEnding || (await this.#parts.recoveryPoints(now.id)).length === 0) throw workerLost();
    return await this.#fill(now, { target: holder, isMove: false });
  }

  #neighbour(
    live: readonly WorkerRecord[],
    { site, holder }: { site: string; holder: WorkerRecord | undefined },
  ): WorkerRecord | undefined {
    // Its holder has its files elsewhere when it was started anew in another directory.
    if (holder !== undefined) return holder.site === site ? holder : undefined;
    const neighbours = live.filter(worker => worker.site === site);
    return neighbours.find(worker => this.#parts.workers.isHeard(worker.id)) ?? neighbours[0];
  }

  /**
   * Claims the workspace for a worker that has none of its files, the best one unless `target` is given, and lets it put those of the
   * newest sound checkpoint in.
   */
  async #fill(
    workspace: WorkspaceRecord,
    { target, isMove }: { target: WorkerRecord | undefined; isMove: boolean },
  ): Promise<WorkspaceRecord> {
    let now = workspace;
    const fromEpoch = specOf(workspace).filling?.fromEpoch ?? workspace.epoch;
    let failure: unknown = workerLost();
    for (const restore of await this.#parts.recoveryPoints(workspace.id)) {
      const since = await this.#foundation.store.now();
      const filling = { checkpointId: restore.id, fromEpoch, since, isMove };
      try {
        return await this.#give(now, { target, isFresh: true, restore, filling });
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'CHECKPOINT_NOT_FOUND')) throw error;
        failure = error;
        this.#foundation.log.error({ err: error, checkpoint: restore.id }, 'a checkpoint to recover from is damaged');
        now = (await this.#parts.catalog.refresh(workspace.id)) ?? raise(workspaceNotFound(workspace.id));
      }
    }
    throw failure;
  }

  /** Claims the workspace for a worker and opens it there, with its files and its queued tasks. */
  async #give(now: WorkspaceRecord, { target, isFresh, restore, filling = null }: Gift): Promise<WorkspaceRecord> {
    const { log } = this.#foundation;
    const { catalog, onClaimed } = this.#parts;
    const claim = () => this.#claimFor(now, { target, filling });
    // One choice after the other, so that the workspaces of a lost worker are spread.
    const choice = target === undefined ? this.#choices.then(claim) : claim();
    this.#choices = choice.catch(() => {});
    const claimed = await choice;
    if (claimed === undefined) return (await catalog.refresh(now.id)) ?? raise(workspaceNotFound(now.id));
    catalog.remember(claimed);
    const { worker, epoch } = claimed;
    log.info({ workspace: now.id, from: now.worker, to: worker, epoch }, 'workspace claimed');
    const opened = await this.open(claimed, { isFresh, restore })
      .catch(error => {
        // Another hub claimed it while it was being opened, which the worker heard of first.
        throw error instanceof NotHere ? changingHands('recovering', error) : error;
      })
      .finally(() => this.#filling.add(worker, -1));
    await onClaimed(opened);
    return catalog.latest(opened);
  }

  async #claimFor(
    now: WorkspaceRecord,
    { target, filling }: { target: WorkerRecord | undefined; filling: StoredSpec['filling'] },
  ): Promise<WorkspaceRecord | undefined> {
    const { id, site } = target ?? (await this.#anyFor(now));
    const spec = specAsJson({ ...specOf(now), site, filling });
    const claimed = await this.#foundation.store.workspaces.claim(now.id, { epoch: now.epoch }, { worker: id, spec });
    if (claimed !== undefined) this.#filling.add(id, 1);
    return claimed;
  }

  /** The best worker with a free slot. */
  async #anyFor(workspace: WorkspaceRecord): Promise<WorkerRecord> {
    const candidates = await this.#parts.placement.candidatesFor(workspace);
    if (candidates.length === 0) throw noWorker('none_live');
    const room = ({ worker, freeSlots }: Candidate) => freeSlots - FILLING_WEIGHT * this.#filling.of(worker.id);
    const [free] = candidates.filter(({ freeSlots }) => freeSlots > 0).sort((a, b) => room(b) - room(a));
    if (free === undefined) throw allTaken(candidates.reduce((sum, { worker }) => sum + worker.slots, 0));
    return free.worker;
  }
}

const causeOf = (error: unknown): unknown => (error instanceof AppError ? error.cause : error);

function raise(error: Error): never {
  throw error;
}
