import { basename } from 'node:path/posix';
import { newId } from '../ids/ids.ts';
import type { CollectedArtifact, Outcome } from '../protocol/jobs.ts';
import type { WorkerReply } from '../protocol/messages.ts';
import type { ArtifactRecord, WorkspaceRecord } from '../store/rows.ts';
import type { Page, PageQuery } from '../store/page.ts';
import { artifactNotFound } from './errors.ts';
import type { EventLog } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { Artifacts, Call, Workspaces } from './hub.ts';
import type { Collected } from './renderings.ts';
import type { Asker, Sharing } from './sharing/sharing.ts';

const ID = /^art_[a-z0-9]{20,32}$/;
const DEFAULT_TYPE = 'application/octet-stream';

type New = Omit<ArtifactRecord, 'createdAt' | 'expiresAt'>;
export type Origin = Pick<New, 'caller' | 'workspaceId' | 'taskId'>;
type FileDone = WorkerReply<'file.do'>;

interface Parts {
  readonly events: EventLog;
  readonly resolve: Workspaces['resolve'];
  readonly sharing: Sharing;
  /** Does a file request on the holder; registers nothing. */
  fileDo(workspace: WorkspaceRecord, file: Parameters<Workspaces['file']>[1], call: Call): Promise<FileDone>;
}

/** Files that runs left, and uploads: a row that names a blob. */
export class ArtifactShelf implements Artifacts {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  list(workspace: WorkspaceRecord, query: PageQuery): Promise<Page<ArtifactRecord>> {
    return this.#foundation.store.artifacts.list({ ...query, workspaceId: workspace.id });
  }

  async find(idOrName: string, workspaceId: string | undefined, call: Call): Promise<ArtifactRecord> {
    const { artifacts } = this.#foundation.store;
    const byId = ID.test(idOrName) ? await artifacts.get(idOrName) : undefined;
    if (byId !== undefined && (await this.#isFor(byId, call.caller))) return byId;
    const mayHaveName = workspaceId !== undefined || call.connection !== undefined;
    // An id needs no workspace, so the answer to a wrong one must not ask for one.
    if (ID.test(idOrName) && !mayHaveName) throw artifactNotFound(idOrName);
    const workspace = await this.#parts.resolve(workspaceId, call, { mayCreate: false, tool: 'artifact_get' });
    const named = await artifacts.findByName(workspace.id, idOrName.replace(/^\/workspace\//, ''));
    if (named === undefined || named.caller !== workspace.caller) throw artifactNotFound(idOrName);
    return named;
  }

  async read(artifact: ArtifactRecord, range: { start: number; end: number }): Promise<Buffer> {
    if (range.start >= range.end) return Buffer.alloc(0);
    const bytes = await this.#foundation.link.blobs.read(artifact.sha256, range);
    if (bytes === undefined) throw artifactNotFound(artifact.id);
    return bytes;
  }

  /** Bytes also become the file `artifacts/<name>` of the workspace, so that its code can use them. */
  async add(
    workspace: WorkspaceRecord,
    content: { path: string } | { name: string; bytes: Buffer },
    { contentType, labels, artifactId }: { contentType?: string; labels: Record<string, string>; artifactId?: string },
    call: Call,
  ): Promise<ArtifactRecord> {
    const collected =
      'path' in content
        ? await this.#collect(workspace, content.path, call)
        : await this.#upload(workspace, content, call);
    const origin = { caller: workspace.caller, workspaceId: workspace.id, taskId: null };
    const row = rowOf({ ...collected, contentType: contentType ?? collected.contentType }, { ...origin, labels });
    const named = artifactId === undefined ? row : { ...row, id: artifactId };
    const mostBytes = this.#foundation.limits.of(workspace.caller)?.bytes;
    return (await this.#insert([named], { mostBytes }))[0] ?? raise(new Error('an artifact was not inserted'));
  }

  /** Registers what a run or a write left under `artifacts/`, and the blobs of outputs that were cut. */
  async register(
    { artifacts, fullOutput }: Pick<Outcome, 'artifacts' | 'fullOutput'>,
    origin: Origin,
  ): Promise<Collected> {
    const outputs = Object.entries(fullOutput);
    if (artifacts.length === 0 && outputs.length === 0) return { artifacts: [], outputArtifacts: {} };
    const named = { ...origin, labels: {} };
    const rows = artifacts.map(artifact => rowOf(artifact, named));
    const outputRows = outputs.map(([, artifact]) => rowOf(artifact, named));
    const inserted = await this.#insert([...rows, ...outputRows]);
    const byId = new Map(inserted.map(artifact => [artifact.id, artifact]));
    const outputArtifacts: Record<string, ArtifactRecord> = {};
    for (const [index, [stream]] of outputs.entries()) {
      const artifact = byId.get(outputRows[index]?.id ?? '');
      if (artifact !== undefined) outputArtifacts[stream] = artifact;
    }
    return { artifacts: rows.flatMap(({ id }) => byId.get(id) ?? []), outputArtifacts };
  }

  /** An artifact is used by whoever may use its workspace. */
  async #isFor({ workspaceId: id, caller: owner }: ArtifactRecord, asker: Asker): Promise<boolean> {
    return await this.#parts.sharing.mayUseWorkspace({ id, caller: owner }, asker);
  }

  async #collect(workspace: WorkspaceRecord, path: string, call: Call): Promise<CollectedArtifact> {
    const { artifacts } = await this.#parts.fileDo(workspace, { kind: 'collect', path }, call);
    return artifacts[0] ?? raise(new Error('a worker collected no file'));
  }

  async #upload(
    workspace: WorkspaceRecord,
    { name, bytes }: { name: string; bytes: Buffer },
    call: Call,
  ): Promise<CollectedArtifact> {
    const path = `artifacts/${name}`;
    const stored = await this.#foundation.link.blobs.put(bytes);
    const content = bytes.toString('base64');
    const file = { kind: 'write', path, content, encoding: 'base64', createDirs: true } as const;
    const { artifacts } = await this.#parts.fileDo(workspace, file, call);
    const origin = { caller: workspace.caller, workspaceId: workspace.id, taskId: null };
    // The file itself is registered by the caller, with its labels.
    await this.register({ artifacts: artifacts.filter(other => other.path !== path), fullOutput: {} }, origin);
    const guessed = artifacts.find(artifact => artifact.path === path)?.contentType ?? DEFAULT_TYPE;
    return { path, ...stored, contentType: guessed };
  }

  async #insert(rows: readonly New[], options: { mostBytes?: number } = {}): Promise<ArtifactRecord[]> {
    const inserted = await this.#foundation.store.artifacts.insert(rows, options);
    const workspaceId = rows[0]?.workspaceId;
    if (workspaceId !== undefined) {
      await this.#parts.events.appendAll(
        `workspace:${workspaceId}`,
        inserted.map(({ id, path, sizeBytes }) => ({
          type: 'artifact.created',
          body: { artifact_id: id, path, size_bytes: sizeBytes },
        })),
      );
    }
    return inserted;
  }
}

const rowOf = (
  { path, sha256, sizeBytes, contentType }: CollectedArtifact,
  origin: Origin & Pick<New, 'labels'>,
): New => ({ ...origin, id: newId('art'), name: basename(path), path, sha256, sizeBytes, contentType });

function raise(error: Error): never {
  throw error;
}
