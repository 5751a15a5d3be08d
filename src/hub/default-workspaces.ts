import type { Caller } from '../auth/caller.ts';
import type { Config } from '../config/config.ts';
import type { Connection } from '../operations/operation.ts';
import type { WorkspaceRecord } from '../store/rows.ts';
import type { WorkspaceStore } from '../store/placement/store.ts';
import { AppError } from '../errors/app-error.ts';
import type { Catalog } from './catalog.ts';
import { putLast } from './put-last.ts';
import type { WorkspaceMaker } from './workspace-maker.ts';
import { specOfRequest } from './workspace-request.ts';

/** A connection without a call for so long loses its default workspace. */
const IDLE_SECONDS = 1800;
/** Connections whose workspace is known without a look at the records. */
const MAX_KNOWN = 10_000;

interface Parts {
  readonly catalog: Catalog;
  readonly maker: WorkspaceMaker;
  readonly store: WorkspaceStore;
  readonly config: Config;
  remove(workspace: WorkspaceRecord): Promise<void>;
}

/** One workspace per connection, made at first use, deleted with the connection. Another hub may have made it. */
export class DefaultWorkspaces {
  readonly #parts: Parts;
  /** Also while it is being made, so that calls sent at once share it. In order of last use. */
  readonly #made = new Map<string, Promise<WorkspaceRecord>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async of(connection: Connection, caller: Caller): Promise<WorkspaceRecord> {
    const key = keyOf(connection, caller);
    const known = this.#made.get(key);
    if (known !== undefined) {
      const record = await known;
      this.#remember(key, known);
      try {
        return await this.#parts.catalog.get(record.id, caller);
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'WORKSPACE_NOT_FOUND')) throw error;
        // Deleted meanwhile; the connection gets a new one, unless a call beside this one is making it already.
        if (this.#made.get(key) === known) this.#made.delete(key);
        return await this.of(connection, caller);
      }
    }
    const making = this.#findOrMake(connection, caller);
    this.#remember(key, making);
    making.catch(() => {
      if (this.#made.get(key) === making) this.#made.delete(key);
    });
    return await making;
  }

  /** The connection of this caller ended. Settles when its workspace is gone. */
  async close(connection: Connection, caller: Pick<Caller, 'id'>): Promise<void> {
    const key = keyOf(connection, caller);
    const made = this.#made.get(key);
    this.#made.delete(key);
    await made?.catch(() => {});
    const workspace = await this.#parts.store.findDefault(caller.id, connection.id);
    if (workspace !== undefined) await this.#parts.remove(workspace);
  }

  #remember(key: string, made: Promise<WorkspaceRecord>): void {
    putLast(this.#made, [key, made], MAX_KNOWN);
  }

  async #findOrMake(connection: Connection, caller: Caller): Promise<WorkspaceRecord> {
    const { config, maker, store } = this.#parts;
    const existing = await store.findDefault(caller.id, connection.id);
    if (existing !== undefined && existing.state !== 'creating') return existing;
    const spec = specOfRequest({ network: 'off', limits: {}, env: {}, metadata: {} }, config);
    const wanted = { caller: caller.id, name: 'default', spec, metadata: {} };
    return await maker.make({ ...wanted, ttlSeconds: IDLE_SECONDS, connection: connection.id });
  }
}

/** Ids hold no line breaks, so that a key has one reading only. */
const keyOf = ({ id }: Connection, caller: Pick<Caller, 'id'>): string => `${caller.id}\n${id}`;
