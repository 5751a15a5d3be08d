import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import type { Connection } from '../operations/operation.ts';
import type { FileRequest } from '../protocol/files.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { JsonObject, WorkspaceRecord } from '../store/rows.ts';
import type { Page } from '../store/page.ts';
import type { Activity } from './activity.ts';
import type { ArtifactShelf } from './artifacts.ts';
import type { Catalog } from './catalog.ts';
import type { DefaultWorkspaces } from './default-workspaces.ts';
import type { Deletion } from './deletion.ts';
import { notYoursToDelete, workspaceNotFound } from './errors.ts';
import type { Foundation } from './foundation.ts';
import type { Holders } from './holders.ts';
import type { Call, WorkspaceDetails, WorkspaceRequest, Workspaces, WorkspaceView } from './hub.ts';
import type { Tails } from './tails.ts';
import { reached, reporting } from './waiting.ts';
import type { WorkspaceMaker } from './workspace-maker.ts';
import { checkMap, specOfRequest, ttlOfRequest } from './workspace-request.ts';
import type { WorkspaceViews } from './workspace-views.ts';

/** A write waits until all work before it has started, so only its caller's patience ends it sooner. */
const FILE_TIMEOUT_MS = 24 * 3_600_000;

interface Parts {
  readonly activity: Activity;
  readonly artifacts: ArtifactShelf;
  readonly catalog: Catalog;
  readonly defaults: DefaultWorkspaces;
  readonly deletion: Deletion;
  readonly holders: Holders;
  readonly maker: WorkspaceMaker;
  readonly tails: Tails;
  readonly views: WorkspaceViews;
}

export class WorkspaceDesk implements Workspaces {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  async create(request: WorkspaceRequest, call: Call): Promise<WorkspaceView> {
    return await this.#parts.views.view(await this.#make(request, call));
  }

  async list(
    query: Parameters<Workspaces['list']>[0],
    caller: Caller,
  ): Promise<Page<WorkspaceView> & { total: number }> {
    await this.#parts.activity.flush();
    return await this.#parts.views.list(query, caller);
  }

  async get(id: string, caller: Caller): Promise<WorkspaceDetails> {
    await this.#parts.activity.flush();
    return await this.#parts.views.details(id, caller);
  }

  async delete(id: string, caller: Caller): Promise<void> {
    const workspace = await this.#parts.catalog.read(id, caller);
    if (workspace.caller !== caller.id) throw notYoursToDelete(id);
    await this.#parts.deletion.remove(workspace);
  }

  async setMetadata(
    id: string,
    metadata: Record<string, string>,
    { replace, caller }: { replace: boolean; caller: Caller },
  ): Promise<WorkspaceView> {
    const { catalog, views, activity } = this.#parts;
    const record = await catalog.read(id, caller);
    const merged = replace ? metadata : { ...record.metadata, ...metadata };
    checkMap('metadata', merged);
    if (!(await this.#foundation.store.workspaces.update(id, 'any', { metadata: merged }))) throw workspaceNotFound(id);
    activity.touch(id);
    return await views.view(await catalog.read(id, caller));
  }

  async resolve(
    id: string | undefined,
    call: Call,
    { mayCreate, tool }: { mayCreate: boolean; tool: string },
  ): Promise<WorkspaceRecord> {
    const record = await this.#meant(id, call, { mayCreate, tool });
    this.#parts.activity.touch(record.id);
    return record;
  }

  connectionClosed(connection: Connection, caller: Pick<Caller, 'id'>): Promise<void> {
    return this.#parts.defaults.close(connection, caller);
  }

  async file(workspace: WorkspaceRecord, request: FileRequest, call: Call): Promise<JsonObject> {
    const { output, artifacts } = await this.fileDo(workspace, request, call);
    if (artifacts.length > 0) {
      const origin = { caller: workspace.caller, workspaceId: workspace.id, taskId: null };
      await this.#parts.artifacts.register({ artifacts, fullOutput: {} }, origin);
    }
    return output;
  }

  /** A file request in the call's turn; what it left under `artifacts/` is for the caller to register. */
  async fileDo(workspace: WorkspaceRecord, file: FileRequest, call: Call): Promise<WorkerReply<'file.do'>> {
    const { holders, tails, catalog } = this.#parts;
    await reached(call);
    const options = { timeoutMs: FILE_TIMEOUT_MS, signal: call.signal };
    const sent = holders.ask(workspace, 'file.do', hold => ({ ...hold, file }), options);
    call.turn.done();
    const { worker } = catalog.latest(workspace);
    return await reporting(sent, { foundation: this.#foundation, tails, call, worker });
  }

  async #meant(
    id: string | undefined,
    call: Call,
    { mayCreate, tool }: { mayCreate: boolean; tool: string },
  ): Promise<WorkspaceRecord> {
    const { caller, connection } = call;
    if (id !== undefined) return await this.#parts.catalog.get(id, caller);
    if (connection !== undefined) return await this.#parts.defaults.of(connection, caller);
    if (mayCreate) return await this.#make({ network: 'off', limits: {}, env: {}, metadata: {} }, call);
    throw new AppError('WORKSPACE_REQUIRED', `workspace_id is required for ${tool}`, { details: { tool } });
  }

  #make(request: WorkspaceRequest, call: Call): Promise<WorkspaceRecord> {
    const { config } = this.#foundation;
    const { caller, ids } = call;
    return this.#parts.maker.make({
      caller: caller.id,
      name: request.name,
      spec: specOfRequest(request, config),
      metadata: { ...request.metadata },
      ttlSeconds: ttlOfRequest(request, config),
      connection: null,
      ids,
      patience: call,
    });
  }
}
