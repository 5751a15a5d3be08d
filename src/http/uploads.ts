import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import { newId } from '../ids/ids.ts';

/** A file that was announced and is still to come. */
export interface Upload {
  readonly id: string;
  readonly artifactId: string;
  readonly callerId: string;
  readonly workspaceId: string;
  readonly name: string;
  readonly sizeBytes: number | undefined;
  readonly sha256: string | undefined;
  readonly contentType: string | undefined;
  readonly labels: Record<string, string>;
  readonly expiresAt: number;
}

const LIFETIME_MS = 15 * 60_000;
const MAX_PENDING = 1_000;

/** Announced uploads. They do not outlive the process: who loses one announces it again. */
export class Uploads {
  readonly #pending = new Map<string, Upload>();

  announce(upload: Omit<Upload, 'id' | 'artifactId' | 'callerId' | 'expiresAt'>, caller: Caller): Upload {
    this.#dropExpired();
    if (this.#pending.size >= MAX_PENDING) {
      throw new AppError('RATE_LIMITED', `${MAX_PENDING} uploads are announced and have not come`, {
        hint: 'send the announced ones, or wait until they expire',
        details: { retry_after_seconds: 60 },
      });
    }
    const announced = {
      ...upload,
      id: newId('up'),
      artifactId: newId('art'),
      callerId: caller.id,
      expiresAt: Date.now() + LIFETIME_MS,
    };
    this.#pending.set(announced.id, announced);
    return announced;
  }

  /** A foreign upload answers like one that was never announced. */
  find(id: string, caller: Caller): Upload {
    this.#dropExpired();
    const upload = this.#pending.get(id);
    if (upload?.callerId === caller.id) return upload;
    throw new AppError('ARTIFACT_NOT_FOUND', `Upload not found: ${id.slice(0, 64)}`, {
      hint: 'announce it with POST /api/artifacts; an upload_url is good for one upload within 15 minutes',
    });
  }

  done(upload: Upload): void {
    this.#pending.delete(upload.id);
  }

  #dropExpired(): void {
    const now = Date.now();
    // In order of announcement, so the first that still lives ends the search.
    for (const upload of this.#pending.values()) {
      if (upload.expiresAt > now) return;
      this.#pending.delete(upload.id);
    }
  }
}
