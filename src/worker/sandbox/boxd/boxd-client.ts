import type { Duplex, Readable } from 'node:stream';
import type {
  Boxd,
  CellRequest,
  EditRequest,
  ExecRequest,
  FileListing,
  FileSlice,
  ListRequest,
  Manifest,
  PackRequest,
  PythonRequest,
  RunEnd,
  RunOptions,
  ScannedFile,
  Talk,
  TalkRequest,
  WriteRequest,
} from './boxd.ts';
import { Cells } from './cells.ts';
import { Channel } from './channel.ts';
import { ask, byteStream, collect, run } from './incoming.ts';
import {
  diskReply,
  editReply,
  helloReply,
  listReply,
  manifestEntries,
  manifestReply,
  namesReply,
  type RunReply,
  readReply,
  scannedFiles,
  scanReply,
  writeReply,
} from './replies.ts';
import { sendRestore } from './restore.ts';
import { startTalk } from './talk.ts';

/** What boxd must know of its box before anything else. Everything has the value of a box as default. */
export interface Hello {
  /** Root of the files; `/workspace`. */
  readonly workspace?: string;
  /** Root of the installed packages; `/env`. */
  readonly env?: string;
  /** Variables of every program, besides `PATH`, `HOME`, `LANG`, `TMPDIR` and `NODE_PATH`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Soft limits of each program, for engines without cgroups; `cpus` is the number of processors to be seen. */
  readonly limits?: {
    /** Private memory that can be written. */
    readonly memoryBytes?: number;
    readonly processes?: number;
    readonly fileBytes?: number;
    readonly cpus?: number;
  };
  /** The disk limit, where the file system itself has none. */
  readonly diskBytes?: number;
  /** Where the egress proxy listens; `/run/egress.sock`. Without such a socket there is no relay. */
  readonly egressSocket?: string;
  /** Where programs of the box find it; 3128. */
  readonly relayPort?: number;
  /** How long a fork stands by for the next Python program; 60,000. */
  readonly standbyMs?: number;
}

/**
 * Greets the boxd at the other end of `channel`; `lanes` are those it was started with, in its order. Rejects with BoxdGone when it does not answer as one.
 */
export async function connectBoxd(
  channel: Duplex,
  hello: Hello = {},
  { lanes = [] }: { lanes?: readonly Duplex[] } = {},
): Promise<Boxd> {
  const client = new BoxdClient(new Channel(channel), lanes);
  await client.hello(hello);
  return client;
}

class BoxdClient implements Boxd {
  readonly #channel: Channel;
  readonly #cells: Cells;

  constructor(channel: Channel, lanes: readonly Duplex[]) {
    this.#channel = channel;
    this.#cells = new Cells(channel, lanes);
  }

  get closed(): Promise<void> {
    return this.#channel.closed;
  }

  hello(hello: Hello): Promise<void> {
    return ask(this.#channel, { verb: 'hello', ...hello }, { shape: helloReply, answer: () => undefined });
  }

  async exec({ stdin, ...request }: ExecRequest, options: RunOptions): Promise<RunEnd> {
    return endOf(await run(this.#channel, { verb: 'exec', ...request }, { ...options, stdin }));
  }

  async python({ stdin, source, ...request }: PythonRequest, options: RunOptions): Promise<RunEnd> {
    return endOf(await run(this.#channel, { verb: 'python', ...source, ...request }, { ...options, stdin }));
  }

  async cell(request: CellRequest, options: RunOptions): Promise<RunEnd & { result?: string }> {
    const reply = await this.#cells.run(request, options);
    return reply.result === undefined ? endOf(reply) : { ...endOf(reply), result: reply.result };
  }

  talk(request: TalkRequest): Talk {
    return startTalk(this.#channel, request);
  }

  contexts(): Promise<string[]> {
    return ask(this.#channel, { verb: 'contexts' }, { shape: namesReply, answer: ({ names }) => names });
  }

  read(request: { path: string; offset: number; limit: number }): Promise<FileSlice> {
    const answer = (slice: Omit<FileSlice, 'bytes'>, bytes: Uint8Array) => ({ ...slice, bytes });
    return ask(this.#channel, { verb: 'read', ...request }, { shape: readReply, answer });
  }

  list(request: ListRequest): Promise<FileListing> {
    return ask(this.#channel, { verb: 'list', ...request }, { shape: listReply, answer: listing => listing });
  }

  write({ bytes, ...request }: WriteRequest): Promise<{ bytesWritten: number; created: boolean; sha256: string }> {
    const reply = {
      shape: writeReply,
      payload: bytes,
      answer: (written: ReturnType<typeof writeReply.parse>) => written,
    };
    return ask(this.#channel, { verb: 'write', ...request }, reply);
  }

  edit(request: EditRequest): Promise<{ replacements: number; bytesWritten: number; sha256: string; diff: string }> {
    return ask(this.#channel, { verb: 'edit', ...request }, { shape: editReply, answer: edited => edited });
  }

  open(path: string, options: { maxBytes: number }): Promise<Readable> {
    return byteStream(this.#channel, { verb: 'open', path, ...options });
  }

  async scan(directory: string): Promise<ScannedFile[]> {
    const wanted = { items: scannedFiles, shape: scanReply };
    const { found, result } = await collect(this.#channel, { verb: 'scan', directory }, wanted);
    return found.length === 0 ? result.files : found;
  }

  async manifest(): Promise<Manifest> {
    const wanted = { items: manifestEntries, shape: manifestReply };
    const { found, result } = await collect(this.#channel, { verb: 'manifest' }, wanted);
    return { entries: found, installedPackages: result.installedPackages };
  }

  pack(files: readonly (string | PackRequest)[]): Promise<Readable> {
    const wanted = files.map(file =>
      typeof file === 'string'
        ? { root: 'workspace', path: file }
        : { root: file.root, path: file.path, sizeBytes: file.sizeBytes },
    );
    return byteStream(this.#channel, { verb: 'pack', files: wanted });
  }

  restore(manifest: Manifest, contents: Readable): Promise<void> {
    return sendRestore(this.#channel, manifest, contents);
  }

  diskUsage(): Promise<{ usedBytes: number; freeBytes: number }> {
    return ask(this.#channel, { verb: 'diskUsage' }, { shape: diskReply, answer: usage => usage });
  }
}

const endOf = ({
  exitCode,
  signal,
  timedOut,
  outputExceeded,
  diskFull,
  mayHaveArtifacts,
  durationMs,
  limitHit,
}: RunReply): RunEnd => ({
  exitCode,
  signal,
  timedOut,
  outputExceeded,
  diskFull,
  mayHaveArtifacts,
  durationMs,
  limitHit,
});
