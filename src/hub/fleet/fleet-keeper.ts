import type { Foundation } from '../foundation.ts';
import type { Leadership } from '../leadership.ts';
import { FLEET } from './queued-input.ts';
import type { Delivery } from './delivery.ts';
import type { FleetWatch } from './fleet-watch.ts';

/** Providers are watched so long after their events were read last. */
const READ_MS = 10 * 60 * 1000;
/** It is written down this often that somebody reads. */
const MARK_MS = 60_000;

interface Parts {
  readonly delivery: Delivery;
  readonly leadership: Leadership;
  readonly watch: FleetWatch;
}

/** A hub that leads does not give that away between two looks. */
const LOOKS_HELD = 4;

/**
 * Delivers and watches, at one hub of all and only while there is something to deliver or somebody who reads: otherwise providers are
 * left alone.
 */
export class FleetKeeper {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  #isAwake = false;
  #markedAt = Number.NEGATIVE_INFINITY;
  #round: Promise<void> = Promise.resolve();

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
    const { background, timing } = foundation;
    background.run('look whether the fleet is to be kept', () => this.#check());
    background.every(timing.sweepMs, 'look whether the fleet is to be kept', () => this.#check());
    background.every(timing.lookMs, 'keep the fleet', async () => {
      if (this.#isAwake) await this.#next();
    });
  }

  /** There is something to do now. */
  wake(): void {
    this.#isAwake = true;
    this.#foundation.background.run('keep the fleet', () => this.#next());
  }

  /** Somebody reads of the fleet. */
  async read(): Promise<void> {
    if (performance.now() - this.#markedAt < MARK_MS) return;
    this.#markedAt = performance.now();
    await this.#foundation.store.fleet.markRead();
    this.wake();
  }

  /** One round at a time. */
  #next(): Promise<void> {
    const next = this.#round.then(() => this.#keep());
    this.#round = next.catch(() => {});
    return next;
  }

  async #keep(): Promise<void> {
    const forMs = this.#foundation.timing.lookMs * LOOKS_HELD;
    if (!this.#isAwake || !(await this.#parts.leadership.take({ forMs }))) return;
    const isWatched = await this.#isWatched();
    const [waiting] = await Promise.all([
      this.#parts.delivery.deliver(),
      isWatched ? this.#parts.watch.look() : undefined,
    ]);
    if (waiting === 0 && !isWatched) this.#isAwake = false;
  }

  async #check(): Promise<void> {
    const waiting = await this.#foundation.store.tasks.unfinishedOf(FLEET);
    if (waiting.length > 0 || (await this.#isWatched())) this.#isAwake = true;
  }

  async #isWatched(): Promise<boolean> {
    const { store, config } = this.#foundation;
    if (config.fleet.watch) return true;
    const { readAgoMs } = await store.fleet.state();
    return readAgoMs !== null && readAgoMs < READ_MS;
  }
}
