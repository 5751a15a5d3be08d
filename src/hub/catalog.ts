import type { WorkspaceRecord } from '../store/rows.ts';
import type { WorkspaceStore } from '../store/placement/store.ts';
import { workspaceNotFound } from './errors.ts';
import { putLast } from './put-last.ts';
import type { Asker, Sharing } from './sharing/sharing.ts';

const MAX_RECORDS = 10_000;

/**
 * Workspace records in memory, so that a call in a warm workspace reads no row. A record may be old: the worker refuses an
 * epoch that is not its own, and then the row is read again. The caller and the id of a record never change.
 */
export class Catalog {
  readonly #store: WorkspaceStore;
  readonly #sharing: Sharing;
  readonly #records = new Map<string, WorkspaceRecord>();
  /** Being deleted: already gone for everyone but the deletion itself. */
  readonly #leaving = new Set<string>();
  #forgotten = 0;

  constructor(store: WorkspaceStore, sharing: Sharing) {
    this.#store = store;
    this.#sharing = sharing;
  }

  /** Throws WORKSPACE_NOT_FOUND for an unknown or deleted one, and for a foreign one that is not shared with the asker. */
  async get(id: string, asker: Asker): Promise<WorkspaceRecord> {
    const record = this.#records.get(id) ?? (await this.refresh(id));
    return this.#isOwn(record, asker) ? record : await this.#shared(record, { id, asker });
  }

  /** The row as it is now. Throws like `get`. */
  async read(id: string, asker: Asker): Promise<WorkspaceRecord> {
    const record = await this.refresh(id);
    return this.#isOwn(record, asker) ? record : await this.#shared(record, { id, asker });
  }

  /** The record with the highest epoch that this process has seen. */
  latest(record: WorkspaceRecord): WorkspaceRecord {
    const known = this.#records.get(record.id);
    return known !== undefined && known.epoch >= record.epoch ? known : record;
  }

  async refresh(id: string): Promise<WorkspaceRecord | undefined> {
    const forgottenBefore = this.#forgotten;
    const record = await this.#store.get(id);
    if (record === undefined) this.forget(id);
    // A row that was read before something was forgotten may be of that very thing.
    else if (this.#forgotten === forgottenBefore) this.remember(record);
    return record;
  }

  remember(record: WorkspaceRecord): void {
    const known = this.#records.get(record.id);
    if (known !== undefined && known.epoch > record.epoch) return;
    putLast(this.#records, [record.id, record], MAX_RECORDS);
  }

  /** What the row of that epoch was just given. */
  change(id: string, { epoch, ...values }: Pick<WorkspaceRecord, 'epoch' | 'generation' | 'state'>): void {
    const known = this.#records.get(id);
    if (known?.epoch === epoch) this.#records.set(id, { ...known, ...values });
  }

  forget(id: string): void {
    this.#forgotten += 1;
    this.#records.delete(id);
  }

  isLeaving(id: string): boolean {
    return this.#leaving.has(id);
  }

  /** Hides the workspace from everyone until `settle` is called. */
  leave(id: string): () => void {
    this.#leaving.add(id);
    return () => {
      this.forget(id);
      this.#leaving.delete(id);
    };
  }

  #isOwn(record: WorkspaceRecord | undefined, { id: asker }: Asker): record is WorkspaceRecord {
    return record !== undefined && record.caller === asker && !this.#leaving.has(record.id);
  }

  async #shared(
    record: WorkspaceRecord | undefined,
    { id, asker }: { id: string; asker: Asker },
  ): Promise<WorkspaceRecord> {
    // Another hub may be deleting it.
    if (record === undefined || record.state === 'draining' || this.#leaving.has(id)) throw workspaceNotFound(id);
    if (!(await this.#sharing.mayUseWorkspace(record, asker)) || this.#leaving.has(id)) throw workspaceNotFound(id);
    return record;
  }
}
