import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../errors/app-error.ts';
import type { Closer } from '../fabric/fabric.ts';
import type { WaitingRecord } from '../store/rows.ts';
import { addGauge } from '../telemetry/metrics.ts';
import { noWorker } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Call } from './hub.ts';
import { type Room, whoseTurn } from './queue-order.ts';

/** Heard by all hubs when a slot may have become free. It saves waiting for the next look, and nothing depends on it. */
const NUDGE = 'w.all.nudge';
const LOOK_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;

/** Whose patience counts, and who is told how it goes. */
export type Patience = Pick<Call, 'signal' | 'report'>;

/**
 * The line in which new workspaces wait for a slot. Its rows are in the store, so hubs see one line; each gives slots only to those
 * that wait at itself, in the order that all of them work out alike.
 */
export class PlacementQueue {
  readonly #foundation: Foundation;
  readonly #rooms: () => Promise<Room[]>;
  #news = Promise.withResolvers<void>();
  #looking: Promise<Set<string>> | undefined;

  constructor(foundation: Foundation, rooms: () => Promise<Room[]>) {
    this.#foundation = foundation;
    this.#rooms = rooms;
    addGauge('boxswain_workspaces_waiting', 'New workspaces that wait for a slot, at all hubs', () => this.length());
  }

  /** Hears the nudges of other hubs. */
  start(): Promise<Closer> {
    return this.#foundation.link.fabric.subscribe(NUDGE, () => this.#wake());
  }

  get isOpen(): boolean {
    return this.#foundation.config.placement.queue_seconds > 0;
  }

  async length(): Promise<number> {
    return (await this.#foundation.store.waiting.line()).waiting.length;
  }

  /** A slot may have become free: tells all hubs. */
  nudge(): void {
    if (!this.isOpen) return;
    this.#wake();
    const { link, id } = this.#foundation;
    link.fabric.publish(NUDGE, Buffer.from(id));
  }

  /**
   * Waits in the line, and calls `attempt` in its turn until that gives something. Throws CAPACITY_EXCEEDED when the line is full or
   * the time is over, the reason of the signal, and what the attempt throws.
   */
  async inTurn<Result>(
    request: Omit<WaitingRecord, 'hub'>,
    attempt: () => Promise<Result | undefined>,
    patience: Patience | undefined,
  ): Promise<Result> {
    const { store, config, id: hub } = this.#foundation;
    const { queue_seconds, queue_depth, queue_per_caller } = config.placement;
    const entered = await store.waiting.enter({ ...request, hub }, { total: queue_depth, perCaller: queue_per_caller });
    if (entered !== 'entered')
      throw lineIsFull(entered === 'full' ? { total: queue_depth } : { mine: queue_per_caller });
    const until = performance.now() + queue_seconds * 1000;
    try {
      while (true) {
        // Taken before the look, so that no nudge is missed in between.
        const { promise: news } = this.#news;
        if ((await this.#look()).has(request.id)) {
          const made = await attempt();
          if (made !== undefined) return made;
        }
        const leftMs = until - performance.now();
        if (leftMs <= 0) throw waitedInVain(queue_seconds);
        patience?.report({ stage: 'waiting', message: 'waiting for a workspace slot' });
        await this.#pause(news, { ms: Math.min(leftMs, LOOK_MS), signal: patience?.signal });
      }
    } catch (error) {
      await store.waiting.leave([request.id]);
      this.nudge();
      throw error;
    }
  }

  /** Until there is news or the time is over. Throws when the caller goes away, or the hub closes. */
  async #pause(news: Promise<void>, { ms, signal }: { ms: number; signal: AbortSignal | undefined }): Promise<void> {
    const { background } = this.#foundation;
    const done = new AbortController();
    const ends = [done.signal, background.signal, ...(signal ? [signal] : [])];
    const over = delay(ms, undefined, { signal: AbortSignal.any(ends) }).catch(() => {});
    await Promise.race([news, over]);
    done.abort();
    signal?.throwIfAborted();
    if (background.signal.aborted) throw noWorker('hub_closing');
  }

  /** Those that look at the same moment share one look. */
  #look(): Promise<Set<string>> {
    this.#looking ??= this.#whoseTurn();
    return this.#looking;
  }

  async #whoseTurn(): Promise<Set<string>> {
    try {
      return whoseTurn(await this.#foundation.store.waiting.line(), await this.#rooms());
    } finally {
      this.#looking = undefined;
    }
  }

  #wake(): void {
    this.#looking = undefined;
    const { resolve } = this.#news;
    this.#news = Promise.withResolvers();
    resolve();
  }
}

export const allTaken = (slots: number): AppError =>
  new AppError('CAPACITY_EXCEEDED', `all ${slots} workspace slots are taken`, {
    details: { slots, retry_after_seconds: RETRY_AFTER_SECONDS },
  });

const waitedInVain = (seconds: number): AppError =>
  new AppError('CAPACITY_EXCEEDED', `no workspace slot became free within ${seconds} seconds`, {
    details: { waited_seconds: seconds, retry_after_seconds: RETRY_AFTER_SECONDS },
  });

function lineIsFull(cap: { total: number } | { mine: number }): AppError {
  const problem =
    'total' in cap
      ? `all workspace slots are taken, and ${cap.total} workspaces wait for one, which is the most`
      : `all workspace slots are taken, and ${cap.mine} of your workspaces wait for one, which is the most`;
  return new AppError('CAPACITY_EXCEEDED', problem, { details: { ...cap, retry_after_seconds: RETRY_AFTER_SECONDS } });
}
