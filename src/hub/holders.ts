import { AppError } from '../errors/app-error.ts';
import { NobodyThere } from '../fabric/fabric.ts';
import type { WorkerReply, WorkerRequest, WorkerVerb } from '../protocol/messages.ts';
import { type AskOptions, askWorker, NotHere } from '../protocol/link.ts';
import { workspaceSpecSchema } from '../protocol/workspace-spec.ts';
import type { WorkerRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Catalog } from './catalog.ts';
import { noWorker, workerLost, workspaceNotFound } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Placement } from './placement.ts';
import { specAsJson, specOf } from './stored-spec.ts';
import type { WorkerBook } from './workers.ts';

const OPEN_TIMEOUT_MS = 60_000;
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

interface Parts {
  readonly catalog: Catalog;
  readonly workers: WorkerBook;
  readonly placement: Placement;
  /** Puts the files of the newest checkpoint into a workspace that was opened empty; false when there is no checkpoint. */
  restoreNewest(workspace: WorkspaceRecord): Promise<boolean>;
  hasCheckpoint(workspaceId: string): Promise<boolean>;
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
  readonly #underWay = new Map<string, number>();

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
    let current = this.#parts.catalog.latest(workspace);
    for (let looks = 0; ; looks += 1) {
      try {
        return await this.send(current, verb, body, options);
      } catch (error) {
        const isGone = isUnreachable(error);
        if (!(error instanceof NotHere || isGone)) throw error;
        if (looks >= MAX_LOOKS) throw isGone ? error : noWorker('not_held', error);
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
    this.#count(id, 1);
    const left = () => this.#count(id, -1);
    answer.then(left, left);
    return this.#parts.workers.whileAlive(worker, answer);
  }

  /** Requests on this workspace that have no answer yet. */
  underWay(workspaceId: string): number {
    return this.#underWay.get(workspaceId) ?? 0;
  }

  /**
   * Gives a workspace that nobody uses to another worker. `save` takes a checkpoint of it. Requests that come meanwhile wait,
   * then go to the new holder; when the move fails, to the old one.
   */
  async move(
    workspace: WorkspaceRecord,
    target: WorkerRecord,
    save: (workspace: WorkspaceRecord) => Promise<unknown>,
  ): Promise<void> {
    const moving = this.#move(workspace, target, save);
    const settled = moving.then(
      () => {},
      () => {},
    );
    this.#moves.set(workspace.id, settled);
    try {
      await moving;
    } finally {
      this.#moves.delete(workspace.id);
    }
  }

  /** Lets the worker that the record names take the workspace on, and records what it says about it. */
  async open(workspace: WorkspaceRecord, { isFresh }: { isFresh: boolean }): Promise<WorkspaceRecord> {
    const { store } = this.#foundation;
    const isNew = workspace.epoch === 1;
    if (!isNew) await this.#parts.flush();
    const lastSequence = isNew ? 0 : await store.tasks.lastSequence(workspace.id);
    const { engine, enforcement } = await this.send(
      workspace,
      'workspace.open',
      hold => ({
        ...hold,
        spec: workspaceSpecSchema.parse(workspace.spec),
        generation: workspace.generation,
        lastSequence,
        fresh: isFresh,
      }),
      { timeoutMs: OPEN_TIMEOUT_MS },
    );
    const { worker, epoch } = workspace;
    const patch = { state: 'ready', engine, spec: specAsJson({ ...specOf(workspace), enforcement }) } as const;
    if (!(await store.workspaces.update(workspace.id, { worker, epoch }, patch))) throw workspaceNotFound(workspace.id);
    const opened = { ...workspace, ...patch };
    this.#parts.catalog.remember(opened);
    return opened;
  }

  async #move(
    workspace: WorkspaceRecord,
    target: WorkerRecord,
    save: (workspace: WorkspaceRecord) => Promise<unknown>,
  ): Promise<void> {
    const { catalog } = this.#parts;
    const before = await catalog.refresh(workspace.id);
    if (before === undefined || before.epoch !== workspace.epoch) return;
    await save(before);
    await this.#give(before, { target, isFresh: true });
    const close = this.send(before, 'workspace.close', hold => hold, { timeoutMs: OPEN_TIMEOUT_MS });
    await close.catch(error => {
      this.#foundation.log.warn(
        { err: error, workspace: before.id },
        'a workspace that moved was not closed where it was',
      );
    });
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
    // Somebody else has claimed it meanwhile; what we know was old.
    if (now.epoch !== stale.epoch) return now;
    const live = await workers.live();
    const holder = live.find(worker => worker.id === now.worker);
    // A holder with a lease that cannot be reached from here may still be at work: the lease decides.
    if (holder !== undefined && isGone) throw error;
    const { target, isFresh } = await this.#successor(now, { live, holder, isEnding });
    return await this.#give(now, { target, isFresh });
  }

  /** Claims the workspace for a worker and opens it there, with its files and its queued tasks. */
  async #give(
    now: WorkspaceRecord,
    { target, isFresh }: { target: WorkerRecord; isFresh: boolean },
  ): Promise<WorkspaceRecord> {
    const { store, log } = this.#foundation;
    const { catalog, restoreNewest, onClaimed } = this.#parts;
    const claimed = await store.workspaces.claim(now.id, { epoch: now.epoch }, { worker: target.id });
    if (claimed === undefined) return (await catalog.refresh(now.id)) ?? raise(workspaceNotFound(now.id));
    catalog.remember(claimed);
    log.info({ workspace: now.id, from: now.worker, to: target.id, epoch: claimed.epoch }, 'workspace claimed');
    const moved = { ...claimed, spec: specAsJson({ ...specOf(claimed), site: target.site }) };
    const opened = await this.open(moved, { isFresh });
    if (isFresh && !(await restoreNewest(opened))) throw workerLost();
    await onClaimed(opened);
    return catalog.latest(opened);
  }

  #count(workspaceId: string, by: 1 | -1): void {
    const count = this.underWay(workspaceId) + by;
    if (count > 0) this.#underWay.set(workspaceId, count);
    else this.#underWay.delete(workspaceId);
  }

  /** Who takes the workspace: its own worker started anew, a worker that has its files, or any one if there is a checkpoint. */
  async #successor(
    workspace: WorkspaceRecord,
    { live, holder, isEnding }: { live: WorkerRecord[]; holder: WorkerRecord | undefined; isEnding: boolean },
  ): Promise<{ target: WorkerRecord; isFresh: boolean }> {
    const { site } = specOf(workspace);
    const { workers, placement, hasCheckpoint } = this.#parts;
    // A holder of another site had the workspace given to it and did not come to open it.
    if (holder !== undefined) return { target: holder, isFresh: holder.site !== site };
    const neighbours = live.filter(worker => worker.site === site);
    const neighbour = neighbours.find(worker => workers.isHeard(worker.id)) ?? neighbours[0];
    if (neighbour !== undefined) return { target: neighbour, isFresh: false };
    if (isEnding || !(await hasCheckpoint(workspace.id))) throw workerLost();
    const [target] = await placement.candidates();
    if (target === undefined) throw noWorker('none_live');
    return { target: target.worker, isFresh: true };
  }
}

/** Nobody serves that worker's address: the request was not delivered. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'NO_WORKER_AVAILABLE' && error.cause instanceof NobodyThere;

function raise(error: Error): never {
  throw error;
}
