import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { defineOperation } from '../../operations/define.ts';
import { artifactOutput } from '../../operations/sandbox/outputs.ts';
import { viewArtifact } from '../../operations/sandbox/views.ts';
import { HttpRefusal } from '../errors.ts';
import { readArguments } from '../request.ts';
import { type Upload, Uploads } from '../uploads.ts';
import { type Api, type ApiParts, run } from './context.ts';

/** An upload is held in memory until its digest is known to fit. */
const MAX_UPLOAD_BYTES = 64 * 1_048_576;

const shared = {
  toolset: 'sandbox',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  cli: { words: [], examples: [] },
} as const;

/** `POST /api/artifacts` announces an upload, `PUT upload_url` sends it. What differs from the announcement is refused. */
export function addUploadRoutes(api: Api, parts: ApiParts): void {
  const uploads = new Uploads(parts.hub.peers);
  const announce = announceOperation(uploads);
  api.post('/api/artifacts', async context => {
    const args = await readArguments(context.req.raw, parts.maxBodyBytes);
    return context.json((await run(parts, announce, { context, args })).output, 201);
  });
  api.put('/api/uploads/:id', async context => {
    const upload = await uploads.find(context.req.param('id'), context.env.caller);
    const bytes = await readBytes(context.req.raw, upload.sizeBytes ?? MAX_UPLOAD_BYTES);
    const operation = receiveOperation(uploads, { upload, bytes });
    const { output } = await run(parts, operation, { context, args: { workspace_id: upload.workspaceId } });
    return context.json(output, 201);
  });
}

function announceOperation(uploads: Uploads) {
  return defineOperation({
    ...shared,
    name: 'artifact_announce',
    title: 'Announce an upload',
    description: 'Get the URL to which an artifact is uploaded.',
    input: z.strictObject({
      workspace_id: z.string().optional(),
      name: z
        .string()
        .min(1)
        .max(255)
        .refine(name => !/[\0/]/.test(name), 'must be a file name without "/"'),
      size_bytes: z.int().min(0).max(MAX_UPLOAD_BYTES).optional(),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
      content_type: z
        .string()
        .max(255)
        .regex(/^[\w.+-]+\/[\w.+-]+(?:;[ \w.+=-]*)?$/)
        .optional(),
      labels: z.record(z.string(), z.string()).default({}),
    }),
    output: z.looseObject({ artifact_id: z.string(), upload_url: z.string(), expires_at: z.string() }),
    async run(input, context) {
      const where = { mayCreate: true, tool: 'artifact_upload' };
      const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
      const announced = {
        workspaceId: workspace.id,
        name: input.name,
        sizeBytes: input.size_bytes ?? null,
        sha256: input.sha256 ?? null,
        contentType: input.content_type ?? null,
        labels: input.labels,
      };
      const upload = uploads.announce(announced, context.caller);
      return {
        artifact_id: upload.artifactId,
        workspace_id: workspace.id,
        upload_url: `/api/uploads/${upload.id}`,
        expires_at: new Date(upload.expiresAt).toISOString(),
      };
    },
  });
}

function receiveOperation(uploads: Uploads, { upload, bytes }: { upload: Upload; bytes: Buffer }) {
  return defineOperation({
    ...shared,
    name: 'artifact_receive',
    title: 'Receive an upload',
    description: 'Register the bytes of an announced artifact.',
    input: z.strictObject({ workspace_id: z.string() }),
    output: artifactOutput,
    async run({ workspace_id }, context) {
      requireAnnounced(upload, bytes);
      const where = { mayCreate: false, tool: 'artifact_upload' };
      const workspace = await context.hub.workspaces.resolve(workspace_id, context, where);
      const options = {
        contentType: upload.contentType ?? undefined,
        labels: upload.labels,
        artifactId: upload.artifactId,
      };
      const artifact = await context.hub.artifacts.add(workspace, { name: upload.name, bytes }, options, context);
      uploads.done(upload);
      return viewArtifact(artifact);
    },
  });
}

function requireAnnounced({ sizeBytes, sha256 }: Upload, bytes: Buffer): void {
  if (sizeBytes !== null && sizeBytes !== bytes.length) {
    throw new AppError('VALIDATION_ERROR', `${bytes.length} bytes came, ${sizeBytes} were announced`, {
      hint: 'send the whole file, or announce it again with its true size_bytes',
    });
  }
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (sha256 === null || sha256 === digest) return;
  throw new AppError('VALIDATION_ERROR', 'the SHA-256 of what came is not the announced one', {
    hint: 'send the file again, or announce it again with its true sha256',
    details: { sha256: digest },
  });
}

async function readBytes(request: Request, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of request.body ?? []) {
    received += chunk.byteLength;
    if (received > maxBytes) {
      const hint = 'announce the upload with its true size_bytes';
      throw new HttpRefusal(413, new AppError('VALIDATION_ERROR', `more than ${maxBytes} bytes came`, { hint }));
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
