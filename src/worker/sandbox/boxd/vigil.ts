import { availableParallelism } from 'node:os';

/** How long the event loop is kept awake at most. */
export const VIGIL_MS = 0.5;

/**
 * Keeps the event loop from falling asleep for as long as a quick answer takes. To be woken costs a third of what a short cell does,
 * most of all on virtual machines, whose idle processors are given away. All else is served meanwhile. Not where there is only one
 * processor: what answers needs it.
 */
export class Vigil {
  readonly #clock: () => number;
  readonly #processors: number;
  #isKept = false;

  /** `clock` gives milliseconds. */
  constructor({ clock = () => performance.now(), processors = availableParallelism() } = {}) {
    this.#clock = clock;
    this.#processors = processors;
  }

  /** Until `isOver` says so, or its time is up. Whoever comes while it is kept already goes without. */
  keep(isOver: () => boolean): void {
    if (this.#isKept || this.#processors < 2) return;
    this.#isKept = true;
    const until = this.#clock() + VIGIL_MS;
    const look = () => {
      if (isOver() || this.#clock() >= until) this.#isKept = false;
      else setImmediate(look);
    };
    setImmediate(look);
  }
}
