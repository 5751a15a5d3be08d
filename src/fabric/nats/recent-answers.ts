export interface GivenAnswer {
  readonly subject: string;
  readonly frame: Uint8Array;
}

/** What an answer takes beside its frame: names, and what holds all of it. */
const ENTRY_BYTES = 1024;

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
    this.#bytes += sizeOf(answer);
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
    const answer = this.#answers.get(key);
    if (answer !== undefined) this.#bytes -= sizeOf(answer);
    this.#answers.delete(key);
    this.#unsent.delete(key);
  }
}

const sizeOf = ({ frame }: GivenAnswer): number => ENTRY_BYTES + frame.byteLength;
