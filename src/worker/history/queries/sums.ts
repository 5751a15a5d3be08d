export interface Sums {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  cost: number;
  isPriced: boolean;
  readonly sessions: Set<number>;
}

export const newSums = (): Sums => ({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cost: 0,
  isPriced: false,
  sessions: new Set(),
});

/** Sums for each value of something. */
export class SumsBy<Key extends string | number> {
  readonly #sums = new Map<Key, Sums>();

  /** Those of a value, which start at nothing. */
  at(key: Key): Sums {
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const made = newSums();
    this.#sums.set(key, made);
    return made;
  }

  has(key: Key): boolean {
    return this.#sums.has(key);
  }

  /** Sorted by the value. */
  entries(): [Key, Sums][] {
    return [...this.#sums].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
