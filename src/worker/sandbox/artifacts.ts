import type { Blobs } from '../../blobs/blobs.ts';
import type { Log } from '../../log/log.ts';
import type { CollectedArtifact } from '../../protocol/jobs.ts';
import { type Boxd, BoxdGone, type ScannedFile } from './boxd/boxd.ts';
import { contentTypeOf } from './content-types.ts';

const DIRECTORY = 'artifacts';
/** Of one collection; what is beyond waits for the next run. */
const MAX_FILES = 1_000;

type Source = Pick<Boxd, 'scan' | 'open'>;

export interface ArtifactOptions {
  readonly blobs: Blobs;
  readonly log: Log;
  /** No file in a workspace can hold more real bytes; a larger one is mostly holes. */
  readonly maxBytes: number;
}

/** Notices which files under `artifacts/` are new or changed, and puts their bytes into the blobs. */
export class ArtifactWatch {
  readonly #options: ArtifactOptions;
  readonly #known = new Map<string, string>();

  constructor(options: ArtifactOptions) {
    this.#options = options;
  }

  /** The new and changed ones. Never rejects: an artifact that cannot be kept fails no run. */
  async collect(boxd: Source): Promise<CollectedArtifact[]> {
    const { log } = this.#options;
    try {
      const files = await boxd.scan(DIRECTORY);
      if (files.length === 0 && this.#known.size === 0) return [];
      return await this.#keepChanged(boxd, files);
    } catch (error) {
      // A box that died says so by itself.
      if (!(error instanceof BoxdGone)) log.warn({ error }, 'could not look for artifacts');
      return [];
    }
  }

  /** Takes what is there as known: it was collected before this watch began. */
  async learn(boxd: Source): Promise<void> {
    for (const file of await boxd.scan(DIRECTORY)) this.#known.set(file.path, signatureOf(file));
  }

  /** All that is found next is new. */
  forget(): void {
    this.#known.clear();
  }

  async #keepChanged(boxd: Source, files: readonly ScannedFile[]): Promise<CollectedArtifact[]> {
    const { log, maxBytes } = this.#options;
    const present = new Set(files.map(({ path }) => path));
    for (const path of this.#known.keys()) if (!present.has(path)) this.#known.delete(path);
    const changed = files.filter(file => this.#known.get(file.path) !== signatureOf(file)).slice(0, MAX_FILES);
    const collected: CollectedArtifact[] = [];
    for (const file of changed) {
      this.#known.set(file.path, signatureOf(file));
      if (file.sizeBytes > maxBytes) {
        log.warn({ sizeBytes: file.sizeBytes }, 'an artifact is larger than its workspace and was left out');
        continue;
      }
      try {
        collected.push(await this.keep(boxd, file.path));
      } catch (error) {
        if (error instanceof BoxdGone) throw error;
        log.warn({ error }, 'an artifact could not be kept');
      }
    }
    return collected;
  }

  /** Puts one file into the blobs, as it is now. Throws what opening it throws. */
  async keep(boxd: Source, path: string): Promise<CollectedArtifact> {
    const { blobs, maxBytes } = this.#options;
    const { sha256, sizeBytes } = await blobs.put(await boxd.open(path, { maxBytes }));
    return { path, sha256, sizeBytes, contentType: contentTypeOf(path) };
  }
}

const signatureOf = ({ sizeBytes, modifiedAtNs, inode }: ScannedFile): string =>
  `${sizeBytes} ${modifiedAtNs} ${inode}`;
