import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Blobs } from '../../blobs/blobs.ts';
import { AppError } from '../../errors/app-error.ts';
import type { Log } from '../../log/log.ts';
import type { Attachment } from '../../protocol/session-messages.ts';

/** A session that is gone on with may look at its files again; after so long without a prompt that names it one is removed. */
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;
const SWEEP_MS = 60 * 60 * 1000;

interface UploadsOptions {
  readonly directory: string;
  readonly blobs: Blobs;
  readonly log: Log;
  readonly keepMs?: number;
}

/** Files that callers gave for prompts, where agents of this machine can read them: a folder for each session. */
export class Uploads {
  readonly #options: UploadsOptions;
  readonly #sweeping: NodeJS.Timeout;

  private constructor(options: UploadsOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => void this.#sweepQuietly(), SWEEP_MS);
    this.#sweeping.unref();
  }

  static async open(options: UploadsOptions): Promise<Uploads> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const uploads = new Uploads(options);
    await uploads.#sweepQuietly();
    return uploads;
  }

  /** The path of the file, whole and under a name of ours. Throws FILE_NOT_FOUND when its bytes are kept no more, DISK_FULL. */
  async fetch(sessionId: string, { name, sha256, sizeBytes }: Attachment): Promise<string> {
    const folder = join(this.#options.directory, sessionId);
    const path = join(folder, `${sha256}${extname(name).replaceAll(/[^.a-zA-Z0-9]/g, '')}`);
    const now = new Date();
    const there = await stat(path).catch(() => undefined);
    if (there?.size === sizeBytes) {
      await utimes(path, now, now);
      return path;
    }
    const bytes = await this.#options.blobs.get(sha256);
    if (bytes === undefined) throw new AppError('FILE_NOT_FOUND', `the attachment ${name} is not there any more`);
    // An agent may be reading it, and never sees half of it.
    const draft = `${path}.${randomUUID()}`;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await pipeline(bytes, createWriteStream(draft, { mode: 0o600 }));
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw noRoom(error) ?? error;
    }
    return path;
  }

  /** Removes what no prompt has named for long, and folders that are empty then. */
  async sweep(): Promise<void> {
    const { directory, keepMs = KEEP_MS } = this.#options;
    const before = Date.now() - keepMs;
    for (const session of await readdir(directory)) {
      const folder = join(directory, session);
      let kept = 0;
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        if ((await stat(path)).mtimeMs < before) await rm(path, { force: true });
        else kept += 1;
      }
      if (kept === 0) await rmdir(folder);
    }
  }

  close(): void {
    clearInterval(this.#sweeping);
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      // Another process of this directory may sweep too, and the next sweep finds what is left.
      this.#options.log.debug({ err: error }, 'old uploads were not all removed');
    }
  }
}

function noRoom(cause: unknown): AppError | undefined {
  const isFull = cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
  if (!isFull) return undefined;
  return new AppError('DISK_FULL', 'the worker has no disk space left for the file', {
    hint: 'ask the operator to free space where the worker keeps its files',
    details: { reason: 'worker_storage' },
    cause,
  });
}
