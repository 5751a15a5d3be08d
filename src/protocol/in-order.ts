/**
 * Lets things become ready in any order and be acted on in the order of the calls, per key. Needed where some messages pass
 * through a blob and others do not: a small message must not overtake a large one before it.
 */
export class InOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Acts on the value of `ready`, synchronously, once every earlier call with this key has acted or failed: before this
   * returns when none is left and the value is there.
   */
  act<Value, Result>(
    key: string,
    ready: Value | Promise<Value>,
    act: (value: Value) => Result | Promise<Result>,
  ): Result | Promise<Result> {
    const before = this.#last.get(key);
    if (before === undefined && !(ready instanceof Promise)) return act(ready);
    return this.#actInTurn(key, { before, ready: Promise.resolve(ready) }, act);
  }

  async #actInTurn<Value, Result>(
    key: string,
    { before, ready }: { before: Promise<unknown> | undefined; ready: Promise<Value> },
    act: (value: Value) => Result | Promise<Result>,
  ): Promise<Result> {
    const mine = Promise.withResolvers<void>();
    this.#last.set(key, mine.promise);
    // It may fail while this still waits for its turn; the failure is thrown below.
    ready.catch(() => {});
    let result: Result | Promise<Result>;
    try {
      await before;
      result = act(await ready);
    } finally {
      mine.resolve();
      if (this.#last.get(key) === mine.promise) this.#last.delete(key);
    }
    return await result;
  }
}
