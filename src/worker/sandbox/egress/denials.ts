/** A connection that was refused; an entry of `network_denied`. */
export type Denial = { host: string; port: number; reason: string };

const MOST_KEPT = 200;
const MOST_SHOWN = 20;

/** The refusals of one workspace, newest kept; a mark taken before a run tells which are the run's. */
export class Denials {
  readonly #kept: { at: number; denial: Denial }[] = [];
  #count = 0;

  add(denial: Denial): void {
    this.#kept.push({ at: this.#count, denial });
    this.#count += 1;
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
  }

  mark(): number {
    return this.#count;
  }

  /** Each host, port and reason once, at most 20, oldest first. */
  since(mark: number): Denial[] {
    const found = new Map<string, Denial>();
    for (const { at, denial } of this.#kept) {
      if (at >= mark && found.size < MOST_SHOWN) found.set(`${denial.host}:${denial.port} ${denial.reason}`, denial);
    }
    return [...found.values()];
  }
}
