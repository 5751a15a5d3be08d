import type { Caller } from '../auth/caller.ts';
import type { Config } from '../config/config.ts';
import type { Connection } from '../operations/operation.ts';
import type { WorkspaceRecord } from '../store/rows.ts';
import { AppError } from '../errors/app-error.ts';
import type { Catalog } from './catalog.ts';
import type { WorkspaceMaker } from './workspace-maker.ts';
import { specOfRequest } from './workspace-request.ts';

/** A connection without a call for so long loses its default workspace. */
const IDLE_SECONDS = 1800;

interface Parts {
  readonly catalog: Catalog;
  readonly maker: WorkspaceMaker;
  readonly config: Config;
  remove(workspace: WorkspaceRecord): Promise<void>;
}

/** One workspace per connection, made at first use, deleted with the connection. */
export class DefaultWorkspaces {
  readonly #parts: Parts;
  /** Also while it is being made, so that calls sent at once share it. */
  readonly #made = new Map<string, Promise<WorkspaceRecord>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async of(connection: Connection, caller: Caller): Promise<WorkspaceRecord> {
    const key = keyOf(connection, caller);
    const known = this.#made.get(key);
    if (known !== undefined) {
      const record = await known;
      try {
        return await this.#parts.catalog.get(record.id, caller.id);
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'WORKSPACE_NOT_FOUND')) throw error;
        // Deleted meanwhile; the connection gets a new one, unless a call beside this one is making it already.
        if (this.#made.get(key) === known) this.#made.delete(key);
        return await this.of(connection, caller);
      }
    }
    const making = this.#make(connection, caller);
    this.#made.set(key, making);
    making.catch(() => {
      if (this.#made.get(key) === making) this.#made.delete(key);
    });
    return await making;
  }

  /** The connection ended. Settles when its workspaces are gone. */
  async close(connection: Connection): Promise<void> {
    const suffix = keyOf(connection, undefined);
    for (const [key, made] of [...this.#made]) {
      if (!key.endsWith(suffix)) continue;
      this.#made.delete(key);
      const workspace = await made.catch(() => undefined);
      if (workspace !== undefined) await this.#parts.remove(workspace);
    }
  }

  #make(connection: Connection, caller: Caller): Promise<WorkspaceRecord> {
    const { config, maker } = this.#parts;
    const spec = specOfRequest({ network: 'off', limits: {}, env: {}, metadata: {} }, config);
    const wanted = { caller: caller.id, name: 'default', spec, metadata: {} };
    return maker.make({ ...wanted, ttlSeconds: IDLE_SECONDS, connection: connection.id });
  }
}

/** Ids hold no line breaks, so that a key has one reading only. */
const keyOf = ({ id }: Connection, caller: Caller | undefined): string => `${caller?.id ?? ''}\n${id}`;
