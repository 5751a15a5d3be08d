/** An endless input that is fed from outside. What is put in before somebody reads is kept. */
export class InputQueue<Item> implements AsyncIterable<Item> {
  readonly #items: Item[] = [];
  #wake = Promise.withResolvers<void>();
  #isOver = false;

  put(item: Item): void {
    this.#items.push(item);
    this.#wake.resolve();
  }

  end(): void {
    this.#isOver = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    for (;;) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) yield item;
      if (this.#isOver) return;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
