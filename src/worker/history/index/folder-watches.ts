import { type FSWatcher, watch } from 'node:fs';

/**
 * Watches a bounded number of folders, each by itself: the system's recursive watching would take a watch for every file. Folders
 * beyond the bound, or that cannot be watched, are for polling.
 */
export class FolderWatches {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #max: number;
  readonly #onChange: (folder: string, name: string | null) => void;

  constructor({ max, onChange }: { max: number; onChange: (folder: string, name: string | null) => void }) {
    this.#max = max;
    this.#onChange = onChange;
  }

  /**
   * Watches the first of `folders` that the bound allows, and no others. `areAll`: those are all of them. `hasNew`: some were not
   * watched before, so that what happened in them until now went unnoticed.
   */
  setTo(folders: readonly string[]): { areAll: boolean; hasNew: boolean } {
    const wanted = new Set(folders.slice(0, this.#max));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    const before = this.#watchers.size;
    let areAll = folders.length <= this.#max;
    for (const folder of wanted) if (!this.#add(folder)) areAll = false;
    return { areAll, hasNew: this.#watchers.size > before };
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): boolean {
    if (this.#watchers.has(folder)) return true;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => this.#onChange(folder, name));
      watcher.on('error', () => this.#drop(folder, watcher));
      this.#watchers.set(folder, watcher);
      return true;
    } catch {
      // Not there, or the system's number of watches is used up.
      return false;
    }
  }

  #drop(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
    this.#onChange(folder, null);
  }
}
