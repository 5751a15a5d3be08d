import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import { newId } from '../../ids/ids.ts';
import type { Attachment } from '../../protocol/session-messages.ts';
import type { AgentSessionRecord, UploadRecord } from '../../store/agents/rows.ts';
import type { Foundation } from '../foundation.ts';
import { kindOfFile } from './file-kind.ts';
import type { SessionLink } from './session-link.ts';

/** Of one file, in bytes. */
export const MAX_UPLOAD_BYTES = 20 * 1_048_576;
const PLACE_TIMEOUT_MS = 60_000;
const MAX_NAME = 255;

export interface UploadedFile {
  readonly name: string;
  /** As the caller says; empty where it says nothing. */
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Files that callers give for prompts: kept as blobs, and put where the agent of the session can read them. */
export class UploadDesk {
  readonly #foundation: Foundation;
  readonly #link: SessionLink;

  constructor(foundation: Foundation, link: SessionLink) {
    this.#foundation = foundation;
    this.#link = link;
  }

  /** `path` is that on the session's worker. Throws VALIDATION_ERROR for a file that is too large, WORKER_UNREACHABLE. */
  async add(
    session: AgentSessionRecord,
    file: UploadedFile,
    caller: Pick<Caller, 'id'>,
  ): Promise<{ upload: UploadRecord; path: string }> {
    const { bytes } = file;
    if (bytes.length > MAX_UPLOAD_BYTES) throw tooLarge();
    const { sha256, sizeBytes } = await this.#foundation.link.blobs.put(bytes);
    const row = {
      id: newId('up'),
      // Whoever gave it names it in prompts, also of a session that is shared.
      caller: caller.id,
      sessionId: session.id,
      name: nameOf(file.name),
      contentType: kindOfFile(bytes, file.contentType),
      sha256,
      sizeBytes,
    };
    const mostBytes = this.#foundation.limits.of(caller.id)?.bytes;
    const upload = await this.#foundation.store.uploads.insert(row, { mostBytes });
    const request = { sessionId: session.id, attachment: attachmentOf(upload) };
    const options = { timeoutMs: PLACE_TIMEOUT_MS };
    const { path } = await this.#link.ask(session.worker, 'session.place', request, options);
    return { upload, path };
  }

  /** In the order of the ids. Throws FILE_NOT_FOUND for one that is not the caller's, or is kept no more. */
  async attachments(ids: readonly string[], caller: Caller): Promise<Attachment[]> {
    const found = await this.#foundation.store.uploads.ofCaller(caller.id, [...new Set(ids)]);
    return ids.map(id => {
      const upload = found.find(one => one.id === id);
      if (upload !== undefined) return attachmentOf(upload);
      throw new AppError('FILE_NOT_FOUND', `no uploaded file has the fileId ${id}`, {
        hint: 'upload it with POST /api/sessions/{id}/upload, which answers the fileId',
      });
    });
  }
}

export const tooLarge = (): AppError =>
  new AppError('VALIDATION_ERROR', `the file is larger than ${MAX_UPLOAD_BYTES} bytes`, {
    hint: 'put it where the agent can read it, and name its path in the prompt',
  });

const attachmentOf = ({ name, contentType, sha256, sizeBytes }: UploadRecord): Attachment => ({
  name,
  contentType,
  sha256,
  sizeBytes,
});

/** A name and nothing of a path: whoever sends it may say anything. */
function nameOf(given: string): string {
  const name = (given.split(/[\\/]/).at(-1) ?? '').replaceAll(/\p{Cc}/gu, '').slice(-MAX_NAME);
  return name === '' || name === '.' || name === '..' ? 'file' : name;
}
