import type { Blobs } from '../../blobs/blobs.ts';
import type { CollectedArtifact } from '../../protocol/jobs.ts';
import type { SoFar } from './command.ts';
import { OutputCollector } from './output-collector.ts';
import { type Secret, StreamRedactor } from './redaction.ts';

type StreamName = 'stdout' | 'stderr';
const streamNames = ['stdout', 'stderr'] as const;

/** Of one publication of a live tail. */
const NEWS_BYTES = 16 * 1024;

/** Both streams of a run. */
export class Outputs {
  readonly #collectors = { stdout: new OutputCollector(), stderr: new OutputCollector() };
  readonly #redactors: Record<StreamName, StreamRedactor> | undefined;
  readonly #published = { stdout: 0, stderr: 0 };

  constructor(secrets: readonly Secret[]) {
    if (secrets.length === 0) return;
    this.#redactors = { stdout: new StreamRedactor(secrets), stderr: new StreamRedactor(secrets) };
  }

  readonly take = (stream: StreamName, bytes: Uint8Array): void => {
    const shown = this.#redactors === undefined ? bytes : this.#redactors[stream].push(bytes);
    if (shown.byteLength > 0) this.#collectors[stream].push(shown);
  };

  /** No more comes: what was held back because it might have been a secret is let go. */
  end(): void {
    for (const stream of streamNames) {
      const rest = this.#redactors?.[stream].flush();
      if (rest !== undefined && rest.length > 0) this.#collectors[stream].push(rest);
    }
  }

  soFar(): SoFar {
    return { stdout: this.#collectors.stdout.show().text, stderr: this.#collectors.stderr.show().text };
  }

  /** What has come since this was last asked; undefined when nothing has. */
  news(): Partial<SoFar> | undefined {
    let news: Partial<SoFar> | undefined;
    for (const stream of streamNames) {
      const { text, next } = this.#collectors[stream].since(this.#published[stream], NEWS_BYTES);
      this.#published[stream] = next;
      if (text !== '') news = { ...news, [stream]: text };
    }
    return news;
  }

  /** The fields of an output that are about the streams. */
  show() {
    const [stdout, stderr] = [this.#collectors.stdout.show(), this.#collectors.stderr.show()];
    return {
      stdout: stdout.text,
      stderr: stderr.text,
      stdout_bytes: stdout.bytes,
      stderr_bytes: stderr.bytes,
      truncated: stdout.isCut || stderr.isCut,
    };
  }

  /** The whole of streams that were cut, as blobs. */
  async keepWhole(blobs: Blobs): Promise<Record<string, CollectedArtifact>> {
    const kept: Record<string, CollectedArtifact> = {};
    for (const stream of streamNames) {
      const spool = this.#collectors[stream].takeSpool();
      if (spool === undefined) continue;
      try {
        const blob = await blobs.put(spool.read());
        kept[stream] = { path: `${stream}.txt`, ...blob, contentType: 'text/plain' };
      } finally {
        spool.dispose();
      }
    }
    return kept;
  }

  dispose(): void {
    for (const stream of streamNames) this.#collectors[stream].dispose();
  }
}
