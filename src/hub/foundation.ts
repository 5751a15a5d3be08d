import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { Log } from '../log/log.ts';
import type { Link } from '../protocol/link.ts';
import type { Store } from '../store/store.ts';
import type { CallerLimits } from './limits/caller-limits.ts';

/** How often the hub looks after things; tests shorten it. */
export interface Timing {
  /** A worker that is silent for so long is lost. */
  readonly leaseSeconds: number;
  readonly sweepMs: number;
  /** What a hub leads that is silent for so long, another takes over. */
  readonly leadSeconds: number;
  /** Longest time between two looks for workers that are lost. */
  readonly reapMs: number;
  /** Longest time that the last activity of a workspace stays unwritten. */
  readonly touchMs: number;
  /** Longest time between two progress reports of a call that waits. */
  readonly reportMs: number;
  /** Nudges may be lost, and processes that share a store without a fabric give none: whoever waits for events looks this often. */
  readonly lookMs: number;
  /** First wait before a task is placed again; it doubles, up to 30 s. */
  readonly retryMs: number;
  /** How old a list of agents of a provider may be. */
  readonly agentsMs: number;
  readonly blobSweepMs: number;
  /** Unreferenced blobs younger than this are left alone: somebody may be about to name them. */
  readonly blobGraceMs: number;
}

export const usualTiming: Timing = {
  leaseSeconds: 15,
  leadSeconds: 4,
  sweepMs: 5_000,
  reapMs: 400,
  touchMs: 3_000,
  reportMs: 5_000,
  lookMs: 1_000,
  retryMs: 1_000,
  agentsMs: 5_000,
  blobSweepMs: 600_000,
  blobGraceMs: 3_600_000,
};

/** What every service of the hub stands on. */
export interface Foundation {
  readonly id: string;
  readonly store: Store;
  readonly link: Link;
  readonly config: Config;
  readonly log: Log;
  readonly timing: Timing;
  readonly limits: CallerLimits;
  readonly background: Background;
}

/** Work that nobody waits for: its failures are logged, and closing waits for it. */
export class Background {
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  run(name: string, work: () => Promise<unknown>): void {
    const running = this.#guarded(name, work);
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  /** Again and again, `intervalMs` after the last time ended, until closed. */
  every(intervalMs: number | (() => number), name: string, work: () => Promise<unknown>): void {
    const next = typeof intervalMs === 'number' ? () => intervalMs : intervalMs;
    this.run(name, async () => {
      while (await this.pause(next())) await this.#guarded(name, work);
    });
  }

  /** False when the hub was closed meanwhile. */
  async pause(ms: number): Promise<boolean> {
    try {
      await sleep(ms, undefined, { signal: this.#stop.signal, ref: false });
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
    return !this.#stop.signal.aborted;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #guarded(name: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.error({ err: error, work: name }, 'background work failed');
    }
  }
}
