import type { Address, Closer } from './fabric.ts';

/** What the parties of one process offer each other besides messages, by address. */
export class LocalServers {
  readonly #offered = new Map<string, object>();

  /** Offers an object at an address that is served too, until closed. */
  offer(at: Address, server: object): Closer {
    const key = JSON.stringify(at);
    this.#offered.set(key, server);
    return async () => {
      if (this.#offered.get(key) === server) this.#offered.delete(key);
    };
  }

  find(to: Address): object | undefined {
    return this.#offered.get(JSON.stringify(to));
  }
}
