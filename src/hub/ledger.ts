import { AppError } from '../errors/app-error.ts';

interface Entry {
  readonly workspaceId: string;
  readonly isTask: boolean;
}

/** What this hub has under way: runs whose callers wait, and tasks that have not ended. Only these count towards the cap. */
export class Ledger {
  readonly #cap: number;
  readonly #entries = new Map<string, Entry>();
  readonly #perWorkspace = new Map<string, number>();

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Throws QUEUE_FULL when there is no room for one more. */
  admit(id: string, workspaceId: string): void {
    if (this.#entries.size >= this.#cap) {
      throw new AppError('QUEUE_FULL', `the hub has ${this.#cap} unfinished tasks, which is its limit`, {
        details: { limit: this.#cap, retry_after_seconds: 5 },
      });
    }
    this.#add(id, { workspaceId, isTask: false });
  }

  /** The run has a row from now on. Also for tasks that an earlier process accepted. */
  becomeTask(id: string, workspaceId: string): void {
    this.#remove(id);
    this.#add(id, { workspaceId, isTask: true });
  }

  /** Idempotent. */
  end(id: string): void {
    this.#remove(id);
  }

  active(workspaceId: string): number {
    return this.#perWorkspace.get(workspaceId) ?? 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The tasks among what is under way. */
  get tasks(): string[] {
    return [...this.#entries].flatMap(([id, { isTask }]) => (isTask ? [id] : []));
  }

  #add(id: string, entry: Entry): void {
    this.#entries.set(id, entry);
    this.#perWorkspace.set(entry.workspaceId, this.active(entry.workspaceId) + 1);
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const left = this.active(entry.workspaceId) - 1;
    if (left > 0) this.#perWorkspace.set(entry.workspaceId, left);
    else this.#perWorkspace.delete(entry.workspaceId);
  }
}
