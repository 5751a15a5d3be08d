import { AppError } from '../../errors/app-error.ts';

/** A box has fewer processes than this; beyond it the oldest names are forgotten. */
const MAX_NAMES = 4096;

/** Which generation of the box each stateful context was made in. Contexts end with their box. */
export class ContextBook {
  readonly #generations: Map<string, number>;
  readonly #onNew: (generations: Readonly<Record<string, number>>) => void;

  /** `known` are those of earlier boxes; `onNew` hears of every context that is made. */
  constructor(known: Readonly<Record<string, number>>, onNew: (generations: Readonly<Record<string, number>>) => void) {
    this.#generations = new Map(Object.entries(known));
    this.#onNew = onNew;
  }

  /**
   * A cell is about to run in the context. Throws CONTEXT_LOST, once, when the context was made in an older box; the next use
   * makes it anew.
   */
  use(name: string, generation: number): void {
    const made = this.#generations.get(name);
    if (made !== undefined && made !== generation) {
      this.#generations.delete(name);
      throw new AppError('CONTEXT_LOST', `the context ${name} has ended with its box and its variables are gone`, {
        details: { context: name, generation },
      });
    }
    if (made === generation) return;
    this.#generations.set(name, generation);
    const [oldest] = this.#generations.keys();
    if (this.#generations.size > MAX_NAMES && oldest !== undefined) this.#generations.delete(oldest);
    this.#onNew(Object.fromEntries(this.#generations));
  }

  /** Of the box of this generation. */
  list(generation: number): { name: string; generation: number }[] {
    return [...this.#generations]
      .filter(([, made]) => made === generation)
      .map(([name, made]) => ({ name, generation: made }));
  }
}
