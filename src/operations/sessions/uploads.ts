import { z } from 'zod';
import { MAX_UPLOAD_BYTES, type UploadedFile } from '../../hub/sessions/upload-desk.ts';
import { defineOperation } from '../define.ts';
import type { Operation } from '../operation.ts';
import { sessionId } from './inputs.ts';

/** Of one file. */
export const maxUploadBytes = MAX_UPLOAD_BYTES;

/** Takes one file. Its bytes are no argument: surfaces that can carry them bind them here, and call it like every operation. */
export const uploadOf = (file: UploadedFile): Operation =>
  defineOperation({
    name: 'session_upload',
    toolset: 'sessions',
    title: 'Upload a file',
    description: 'Give a file to be attached to prompts of a session.',
    input: z.strictObject({ session_id: sessionId }),
    output: z.looseObject({ fileId: z.string(), path: z.string() }),
    hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
    scope: 'sessions:write',
    cli: { words: [], examples: [] },
    async run({ session_id }, { hub, caller }) {
      const session = await hub.sessions.desk.find(session_id, caller);
      const { upload, path } = await hub.sessions.uploads.add(session, file, caller);
      const { id: fileId, name, contentType, sizeBytes, sha256 } = upload;
      return { fileId, path, name, contentType, sizeBytes, sha256 };
    },
  });
