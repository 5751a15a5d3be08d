import type { WorkspaceStore } from '../store/placement/store.ts';
import type { Foundation } from './foundation.ts';

/** When workspaces were last used. Collected here and written every few seconds, never while a caller waits. */
export class Activity {
  readonly #store: WorkspaceStore;
  #touched = new Set<string>();

  constructor({ store, background, timing }: Foundation) {
    this.#store = store.workspaces;
    background.every(timing.touchMs, 'touch workspaces', () => this.flush());
  }

  touch(id: string): void {
    this.#touched.add(id);
  }

  async flush(): Promise<void> {
    if (this.#touched.size === 0) return;
    const touched = this.#touched;
    this.#touched = new Set();
    try {
      await this.#store.touch([...touched]);
    } catch (error) {
      // Not lost: they are written with the next ones.
      for (const id of touched) this.#touched.add(id);
      throw error;
    }
  }
}
