/** The last bytes of what is pushed; memory stays below twice of what is kept. */
export class LastBytes {
  readonly #size: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  #seen = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get isCut(): boolean {
    return this.#seen > this.#size;
  }

  push(chunk: Uint8Array): void {
    this.#seen += chunk.byteLength;
    this.#kept += chunk.byteLength;
    this.#chunks.push(chunk);
    if (this.#kept < 2 * this.#size) return;
    const last = Buffer.from(Buffer.concat(this.#chunks).subarray(-this.#size));
    this.#chunks = [last];
    this.#kept = last.byteLength;
  }

  /** Starts with how much was left out, if any. */
  text(): string {
    const all = Buffer.concat(this.#chunks);
    if (!this.isCut) return all.toString('utf8');
    let start = all.length - this.#size;
    // Not in the middle of a character.
    while (start < all.length && ((all[start] ?? 0) & 0xc0) === 0x80) start += 1;
    const shown = all.subarray(start);
    return `[… ${this.#seen - shown.length} bytes omitted …]${shown.toString('utf8')}`;
  }
}
