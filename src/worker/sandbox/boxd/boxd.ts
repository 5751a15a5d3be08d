import type { Readable, Writable } from 'node:stream';

/** What the program inside the box does, as the worker asks for it. Implemented over frames by `boxd-client.ts`. */
export interface Boxd {
  exec(request: ExecRequest, options: RunOptions): Promise<RunEnd>;
  /** A fork of the warm interpreter with fresh globals. */
  python(request: PythonRequest, options: RunOptions): Promise<RunEnd>;
  /** A cell in a stateful context; makes the context unless it exists. `result` is the repr of the last expression. */
  cell(request: CellRequest, options: RunOptions): Promise<RunEnd & { result?: string }>;
  /** Starts a program that is talked to while it runs. Never throws: one that does not start ends, with 126 or 127 as a shell has it. */
  talk(request: TalkRequest): Talk;
  contexts(): Promise<string[]>;
  read(request: { path: string; offset: number; limit: number }): Promise<FileSlice>;
  list(request: ListRequest): Promise<FileListing>;
  write(request: WriteRequest): Promise<{ bytesWritten: number; created: boolean; sha256: string }>;
  edit(request: EditRequest): Promise<{ replacements: number; bytesWritten: number; sha256: string; diff: string }>;
  /** The bytes of regular files, streamed; `lstat`, `O_NONBLOCK`, capped by bytes read. */
  open(path: string, options: { maxBytes: number }): Promise<Readable>;
  /** Regular files below `directory` with size, mtime, and inode, for change detection. Never follows links. */
  scan(directory: string): Promise<ScannedFile[]>;
  /** Every entry of workspace and package area with hashes of contents. */
  manifest(): Promise<Manifest>;
  /**
   * The contents of these files, one after another, in the order asked for; a path alone is one of the workspace. A file that is
   * gone, or whose size is not the one given, ends the stream with FILE_CHANGED.
   */
  pack(files: readonly (string | PackRequest)[]): Promise<Readable>;
  /** Replaces all files by those of the manifest; `contents` yields the file bodies in manifest order. */
  restore(manifest: Manifest, contents: Readable): Promise<void>;
  diskUsage(): Promise<{ usedBytes: number; freeBytes: number }>;
  /** Settles when the channel is gone. Every request in flight is rejected with `BoxdGone`. */
  readonly closed: Promise<void>;
}

/** The channel to boxd is gone; why is told by the box's own exit. */
export class BoxdGone extends Error {
  override readonly name = 'BoxdGone';
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Output as it comes, in order per stream. Backpressure is kept: a slow listener slows the program. */
  onOutput(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
}

interface RunLimits {
  readonly timeoutMs: number;
  /** Both streams together; more ends the run. */
  readonly outputBytes: number;
}

export interface ExecRequest extends RunLimits {
  /** argv; a shell is the caller's business. */
  readonly argv: readonly string[];
  /** Relative to the workspace root. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

export interface TalkRequest {
  readonly argv: readonly string[];
  /** Relative to the workspace root. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A variable of the environment, as `NAME=value`, that nothing else has: all that inherits it ends with the program. */
  readonly mark: string;
}

/** A running program. Both directions have backpressure: who does not read slows it down, and it slows down who writes. */
export interface Talk {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when nothing of it runs any more and all its output has been read. Rejects with BoxdGone. */
  readonly ended: Promise<TalkEnd>;
  /** Kills it with all that it started. Legal in every state. */
  kill(): void;
}

export type TalkEnd = Pick<RunEnd, 'exitCode' | 'signal' | 'limitHit'>;

export interface PythonRequest extends RunLimits {
  readonly source: { readonly code: string } | { readonly file: string };
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

export interface CellRequest extends RunLimits {
  readonly context: string;
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

export interface RunEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  /** Such as `SIGKILL`. */
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly outputExceeded: boolean;
  /** The file system had no free block when the run ended. */
  readonly diskFull: boolean;
  /** False where `artifacts/` was surely empty when the run ended. */
  readonly mayHaveArtifacts: boolean;
  readonly durationMs: number;
  /** The limit it met, where boxd keeps that limit and could tell; where a control group does, its counters tell. */
  readonly limitHit?: 'oom' | 'pids';
}

export interface FileSlice {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  /** Of the whole file. */
  readonly sha256: string;
  readonly modifiedAtMs: number;
}

export interface ListRequest {
  readonly path: string;
  readonly recursive: boolean;
  readonly glob?: string;
  readonly limit: number;
  /** Path after which to continue, bytewise order. */
  readonly after?: string;
}

export interface FileEntry {
  readonly name: string;
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'other';
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface FileListing {
  readonly path: string;
  readonly entries: FileEntry[];
  readonly totalCount: number;
  readonly nextAfter: string | null;
}

export interface WriteRequest {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly createDirs: boolean;
  readonly ifSha256?: string;
}

export interface EditRequest {
  readonly path: string;
  readonly edits: readonly { search: string; replace: string; replaceAll: boolean }[];
  readonly dryRun: boolean;
  readonly ifSha256?: string;
}

export interface ScannedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtNs: string;
  readonly inode: number;
}

/** `root` is `workspace` or `env` (the package area); paths are relative to it. */
export interface ManifestEntry {
  readonly root: 'workspace' | 'env';
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink';
  readonly mode: number;
  readonly modifiedAtNs: string;
  readonly sizeBytes: number;
  readonly sha256?: string;
  readonly target?: string;
}

export type PackRequest = Pick<ManifestEntry, 'root' | 'path'> & Partial<Pick<ManifestEntry, 'sizeBytes'>>;

export interface Manifest {
  readonly entries: readonly ManifestEntry[];
  readonly installedPackages: readonly string[];
}
