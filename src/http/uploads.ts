import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import { AppError } from '../errors/app-error.ts';
import type { Hub } from '../hub/hub.ts';
import { newId } from '../ids/ids.ts';

/** A file that was announced and is still to come. */
const uploadSchema = z.object({
  id: z.string(),
  artifactId: z.string(),
  callerId: z.string(),
  workspaceId: z.string(),
  name: z.string(),
  sizeBytes: z.number().nullable(),
  sha256: z.string().nullable(),
  contentType: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  expiresAt: z.number(),
});

export type Upload = Readonly<z.output<typeof uploadSchema>>;

const idSchema = z.object({ id: z.string() });
const foundSchema = z.object({ upload: uploadSchema.optional() });

const LIFETIME_MS = 15 * 60_000;
const MAX_PENDING = 1_000;

/** Announced uploads. They do not outlive the hub that heard them: who loses one announces it again. Other hubs ask that one. */
export class Uploads {
  readonly #pending = new Map<string, Upload>();
  readonly #peers: Hub['peers'];

  constructor(peers: Hub['peers']) {
    this.#peers = peers;
    peers.hear('upload.find', body => {
      this.#dropExpired();
      const upload = this.#pending.get(idSchema.parse(body).id);
      return upload && { upload: { ...upload } };
    });
    peers.hear('upload.done', body => void this.#pending.delete(idSchema.parse(body).id));
  }

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
  async find(id: string, caller: Caller): Promise<Upload> {
    this.#dropExpired();
    const upload = this.#pending.get(id) ?? (await this.#findElsewhere(id));
    if (upload?.callerId === caller.id) return upload;
    throw new AppError('ARTIFACT_NOT_FOUND', `Upload not found: ${id.slice(0, 64)}`, {
      hint: 'announce it with POST /api/artifacts; an upload_url is good for one upload within 15 minutes',
    });
  }

  done({ id }: Upload): void {
    this.#pending.delete(id);
    this.#peers.tell('upload.done', { id });
  }

  async #findElsewhere(id: string): Promise<Upload | undefined> {
    const answers = await this.#peers.ask('upload.find', { id });
    return answers.map(answer => foundSchema.parse(answer).upload).find(upload => upload !== undefined);
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
