export interface GivenAnswer {
  readonly subject: string;
  readonly frame: Uint8Array;
}

/**
 * The last answers, oldest first, up to a number of bytes: one that was lost with a connection, on either side, can be given again to
 * whoever asks for it.
 */
export class RecentAnswers {
  readonly #mostBytes: number;
  readonly #answers = new Map<string, GivenAnswer>();
  readonly #unsent = new Set<string>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(key: string, answer: GivenAnswer, { isSent }: { isSent: boolean }): void {
    this.#answers.set(key, answer);
    if (!isSent) this.#unsent.add(key);
    this.#bytes += answer.frame.byteLength;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#forget(oldest);
    }
  }

  get(key: string): GivenAnswer | undefined {
    return this.#answers.get(key);
  }

  /** Those that could not be sent when they were made; not again afterwards. */
  takeUnsent(): GivenAnswer[] {
    const found = [...this.#unsent].flatMap(key => this.#answers.get(key) ?? []);
    this.#unsent.clear();
    return found;
  }

  #forget(key: string): void {
    this.#bytes -= this.#answers.get(key)?.frame.byteLength ?? 0;
    this.#answers.delete(key);
    this.#unsent.delete(key);
  }
}
