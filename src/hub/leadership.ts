import type { Foundation } from './foundation.ts';

interface Means extends Pick<Foundation, 'id' | 'store' | 'background'> {
  readonly timing: Pick<Foundation['timing'], 'leadSeconds'>;
}

/** Renewals that may fail before another hub takes over. */
const RENEWALS_PER_LEASE = 3;

/**
 * The right to look after what runs elsewhere: of all hubs one has it. Its lease is short, so that another goes on soon after a hub was
 * lost, and is renewed beside the work, which may take long. Two that believe to lead for a moment do no harm: whatever they write is
 * decided by conditions of the records.
 */
export class Leadership {
  readonly #foundation: Means;
  #isHeld = false;
  /** On the clock of `performance`. */
  #wantedUntil = Number.NEGATIVE_INFINITY;

  constructor(foundation: Means) {
    this.#foundation = foundation;
    const { background, timing } = foundation;
    background.every((timing.leadSeconds * 1000) / RENEWALS_PER_LEASE, 'renew the right to lead', () => this.#renew());
  }

  /** Whether this hub leads, which it then goes on to do for `forMs` milliseconds at least, as long as it lives. */
  async take({ forMs }: { forMs: number }): Promise<boolean> {
    this.#wantedUntil = Math.max(this.#wantedUntil, performance.now() + forMs);
    return await this.#claim();
  }

  async #renew(): Promise<void> {
    if (this.#isHeld && performance.now() < this.#wantedUntil) await this.#claim();
  }

  async #claim(): Promise<boolean> {
    const { store, id, timing } = this.#foundation;
    this.#isHeld = await store.fleet.lead(id, timing.leadSeconds);
    return this.#isHeld;
  }
}
