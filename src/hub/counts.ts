/** Counts by id; an id that is at nought takes no room. */
export class Counts {
  readonly #counts = new Map<string, number>();

  of(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  add(id: string, by: 1 | -1): void {
    const count = this.of(id) + by;
    if (count > 0) this.#counts.set(id, count);
    else this.#counts.delete(id);
  }
}
