/** Requests of this process that have not been answered: nobody else is to find out what became of them. */
export class UnderWay {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  async during<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    this.#ids.add(id);
    try {
      return await work();
    } finally {
      this.#ids.delete(id);
    }
  }
}
