import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import type { ArtifactRecord } from '../../store/rows.ts';
import { defineOperation } from '../define.ts';
import { decodeContent, type Encoding, wholeCharacters } from './content.ts';
import { encoding, page, stringMap, ws } from './inputs.ts';
import { artifactContentOutput, artifactListOutput, artifactOutput } from './outputs.ts';
import { relativePath } from './paths.ts';
import { viewArtifact } from './views.ts';

const CONTENT_TYPE = /^[\w.+-]+\/[\w.+-]+(?:;[ \w.+=-]*)?$/;
const MAX_SLICE_BYTES = 1_048_576;
/** The longest character of UTF-8: a slice shorter than this could hold no whole one. */
const MIN_TEXT_BYTES = 4;

export const artifactList = defineOperation({
  name: 'artifact_list',
  aliases: ['artifact.list'],
  toolset: 'sandbox',
  title: 'List artifacts',
  description: 'List artifacts: files left under artifacts/, and uploads.',
  input: z.strictObject({ ...ws, ...page }),
  output: artifactListOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  cli: { words: ['sandbox', 'artifacts'], examples: ['boxswain sandbox artifacts --workspace ID'] },
  async run({ workspace_id, ...query }, context) {
    const where = { mayCreate: false, tool: 'artifact_list' };
    const workspace = await context.hub.workspaces.resolve(workspace_id, context, where);
    const found = await context.hub.artifacts.list(workspace, query);
    return { artifacts: found.rows.map(viewArtifact), next_cursor: found.nextCursor, workspace_id: workspace.id };
  },
});

export const artifactGet = defineOperation({
  name: 'artifact_get',
  aliases: ['artifact.get'],
  toolset: 'sandbox',
  title: 'Get artifact',
  description: 'Fetch an artifact (output file).',
  input: z.strictObject({
    artifact_id: z.string().min(1).meta({ brief: 'id or name', description: 'id, or name within the workspace' }),
    ...ws,
    offset: z.int().min(0).default(0).describe('first byte to read'),
    limit: z.int().min(1).max(MAX_SLICE_BYTES).default(MAX_SLICE_BYTES).describe('most bytes to read'),
    encoding: encoding.optional().describe('default: utf8 for text, base64 for the rest'),
  }),
  output: artifactContentOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  core: true,
  cli: {
    words: ['sandbox', 'artifact'],
    positional: 'artifact_id',
    examples: ['boxswain sandbox artifact report.csv --workspace ID'],
  },
  async run(input, context) {
    const { artifacts } = context.hub;
    const artifact = await artifacts.find(input.artifact_id, input.workspace_id, context);
    const start = Math.min(input.offset, artifact.sizeBytes);
    const isText = input.encoding === 'utf8' || (input.encoding === undefined && isTextType(artifact.contentType));
    const asked = isText ? Math.max(input.limit, MIN_TEXT_BYTES) : input.limit;
    const end = Math.min(start + asked, artifact.sizeBytes);
    const bytes = await artifacts.read(artifact, { start, end });
    const text = isText ? textWithin(bytes, { limit: input.limit, isEnd: end === artifact.sizeBytes }) : undefined;
    if (text === undefined && input.encoding === 'utf8') throw notText(artifact);
    const slice = text === undefined ? asBase64(bytes.subarray(0, input.limit)) : { ...text, encoding: 'utf8' };
    const next = start + slice.bytes;
    return {
      ...viewArtifact(artifact),
      data: slice.text,
      encoding: slice.encoding,
      offset: start,
      truncated: next < artifact.sizeBytes,
      next_offset: next < artifact.sizeBytes ? next : null,
    };
  },
});

export const artifactUpload = defineOperation({
  name: 'artifact_upload',
  aliases: ['artifact.upload'],
  toolset: 'sandbox',
  title: 'Upload artifact',
  description:
    'Keep a file, or content with a name, as an artifact, until 7 days after its workspace ends. Makes a workspace for content if none is given; it lives 1 h unused.',
  input: z
    .strictObject({
      ...ws,
      path: z
        .string()
        .min(1)
        .optional()
        .meta({ brief: 'or content', description: 'file of the workspace; either this or content' }),
      content: z.string().optional().describe('content itself, with name'),
      name: z
        .string()
        .min(1)
        .max(255)
        .refine(name => !/[\0/]/.test(name), 'must be a file name without "/"')
        .optional()
        .describe('file name of the content'),
      encoding: encoding.default('utf8'),
      content_type: z
        .string()
        .max(255)
        .refine(type => CONTENT_TYPE.test(type), 'must be a media type such as text/csv')
        .optional()
        .describe('media type; default: by the name'),
      labels: stringMap.optional().describe('anything the caller wants to remember'),
    })
    .refine(({ path, content }) => (path === undefined) !== (content === undefined), {
      error: "must provide either 'path' or 'content' parameter",
    })
    .refine(({ content, name }) => content === undefined || name !== undefined, {
      error: 'required argument "name" not found',
    })
    .refine(({ path, name }) => path === undefined || name === undefined, {
      error: 'may only be used with content',
      path: ['name'],
    }),
  output: artifactOutput,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  cli: {
    words: ['sandbox', 'upload'],
    positional: 'path',
    examples: ['boxswain sandbox upload build/app.zip --workspace ID'],
  },
  async run(input, context) {
    const source = sourceOf(input);
    const where = { mayCreate: 'bytes' in source, tool: 'artifact_upload' };
    const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
    const options = { contentType: input.content_type, labels: input.labels ?? {} };
    return viewArtifact(await context.hub.artifacts.add(workspace, source, options, context));
  },
});

function sourceOf(input: { path?: string; content?: string; name?: string; encoding: Encoding }) {
  if (input.path !== undefined) return { path: relativePath(input.path) };
  const name = input.name ?? '';
  return { name, bytes: decodeContent(input.content ?? '', { encoding: input.encoding, path: name }) };
}

/** At most `limit` bytes of text, but at least one character, so that whoever reads on gets on. */
function textWithin(bytes: Buffer, { limit, isEnd }: { limit: number; isEnd: boolean }) {
  const isWhole = bytes.length <= limit;
  const slice = wholeCharacters(bytes.subarray(0, limit), { isEnd: isEnd && isWhole });
  if (isWhole || slice === undefined || slice.bytes > 0) return slice;
  const [character] = wholeCharacters(bytes, { isEnd })?.text ?? '';
  return character === undefined ? undefined : { text: character, bytes: Buffer.byteLength(character) };
}

const asBase64 = (bytes: Buffer) => ({ text: bytes.toString('base64'), bytes: bytes.length, encoding: 'base64' });

function notText({ path, sizeBytes }: ArtifactRecord): AppError {
  return new AppError('NOT_TEXT', `${path} (${sizeBytes} bytes) is not UTF-8 text`, {
    hint: 'call artifact_get with encoding: "base64"',
    details: { path, size_bytes: sizeBytes },
  });
}

const TEXT_TYPE =
  /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|yaml|toml|javascript|x-sh|x-ndjson|sql)\b|image\/svg\+xml)/;
const isTextType = (contentType: string): boolean => TEXT_TYPE.test(contentType);
