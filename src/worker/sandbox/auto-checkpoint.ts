import type { Blobs } from '../../blobs/blobs.ts';
import type { Config } from '../../config/config.ts';
import { newId } from '../../ids/ids.ts';
import type { Log } from '../../log/log.ts';
import type { HubRequest } from '../../protocol/messages.ts';
import type { LiveBox } from './box-keeper.ts';
import type { CheckpointBudget } from './checkpoint-budget.ts';
import { takeCheckpoint } from './checkpoints.ts';

/** A workspace in which calls keep breaking off its checkpoints gets one beside them: some files may then be newer than others. */
const BROKEN_OFF = 3;

/** What the workspaces of a worker share for it. */
export interface CheckpointMeans {
  readonly budget: CheckpointBudget;
  /** Tells a hub until one has recorded it, or says that it is not wanted: then false. Rejects with the signal's reason. */
  keep(taken: HubRequest<'checkpoint.taken'>, signal: AbortSignal): Promise<boolean>;
}

export interface AutoCheckpointParts {
  readonly means: CheckpointMeans;
  readonly hold: { readonly workspaceId: string; readonly epoch: number };
  /** Manifest of the newest checkpoint. */
  readonly parent: string | null;
  readonly timing: Pick<Config['sandbox']['checkpoints'], 'quiet_seconds' | 'interval_seconds'>;
  readonly blobs: Blobs;
  readonly log: Log;
  /** The box and the last sequence, when nothing runs and nothing waits; undefined else, or without a box. */
  quiet(): { live: LiveBox; sequence: number } | undefined;
}

/**
 * Takes a checkpoint of a workspace once something in it may have changed and it has been quiet for a moment. It takes no place in
 * the line: a call that comes meanwhile does not wait for it, but breaks it off.
 */
export class AutoCheckpoint {
  readonly #parts: AutoCheckpointParts;
  readonly #closed = new AbortController();
  #parent: string | null;
  #isDirty = false;
  #lastCallAt = performance.now();
  #notBefore = 0;
  #brokenOff = 0;
  #timer: NodeJS.Timeout | undefined;
  #taking: AbortController | undefined;

  constructor(parts: AutoCheckpointParts) {
    this.#parts = parts;
    this.#parent = parts.parent;
  }

  /** A call came or ended. */
  called({ mayChange }: { mayChange: boolean }): void {
    this.#lastCallAt = performance.now();
    if (!mayChange) return;
    this.#isDirty = true;
    if (this.#brokenOff < BROKEN_OFF) this.#taking?.abort(new Error('a call came'));
    this.#watch();
  }

  /** A checkpoint that was asked for holds all there is; or one was put in. */
  isAt(manifest: string): void {
    this.#parent = manifest;
    this.#isDirty = false;
  }

  close(): void {
    this.#closed.abort(new Error('the workspace was closed'));
    clearTimeout(this.#timer);
  }

  /** One timer, set again only when it fires: a call costs none. */
  #watch(): void {
    if (this.#timer !== undefined || this.#taking !== undefined || this.#closed.signal.aborted) return;
    const { quiet_seconds: quietSeconds } = this.#parts.timing;
    const dueAt = Math.max(this.#lastCallAt + quietSeconds * 1000, this.#notBefore);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (!this.#isDirty) return;
        const now = performance.now();
        const isDue = now >= this.#lastCallAt + quietSeconds * 1000 && now >= this.#notBefore;
        if (isDue && this.#parts.quiet() !== undefined) void this.#take();
        else this.#watchLater(isDue);
      },
      Math.max(1, dueAt - performance.now()),
    );
    this.#timer.unref();
  }

  /** A run that goes on, or a box that is gone: looked at again after as long. */
  #watchLater(wasDue: boolean): void {
    if (wasDue) this.#notBefore = performance.now() + this.#parts.timing.quiet_seconds * 1000;
    this.#watch();
  }

  /** Never rejects. */
  async #take(): Promise<void> {
    const { timing, log } = this.#parts;
    const taking = new AbortController();
    this.#taking = taking;
    const signal = AbortSignal.any([taking.signal, this.#closed.signal]);
    try {
      await this.#attempt(signal);
      this.#brokenOff = 0;
    } catch (error) {
      this.#isDirty = true;
      if (taking.signal.aborted) this.#brokenOff += 1;
      else if (!this.#closed.signal.aborted) log.warn({ error }, 'an automatic checkpoint could not be taken');
    } finally {
      this.#taking = undefined;
      const pauseSeconds = taking.signal.aborted ? timing.quiet_seconds : timing.interval_seconds;
      this.#notBefore = performance.now() + pauseSeconds * 1000;
      if (this.#isDirty) this.#watch();
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { means, hold, blobs, log, quiet } = this.#parts;
    const parent = this.#parent;
    const taken = await means.budget.spend(async () => {
      // Its turn may have come late.
      const now = quiet();
      if (now === undefined) return undefined;
      this.#isDirty = false;
      const output = await takeCheckpoint({ parent, boxd: now.live.boxd, blobs, signal });
      return { output, sequence: now.sequence };
    }, signal);
    if (taken === undefined) {
      this.#isDirty = true;
      return;
    }
    const checkpointId = newId('cp');
    // From here on a call breaks nothing off: what was taken is whole. Until it is recorded the next builds on the one before.
    const isKept = await means.keep({ ...hold, checkpointId, parent, ...taken }, this.#closed.signal);
    if (isKept && this.#parent === parent) this.#parent = taken.output.manifest;
    log.debug({ checkpointId, isKept, sequence: taken.sequence }, 'an automatic checkpoint was taken');
  }
}
