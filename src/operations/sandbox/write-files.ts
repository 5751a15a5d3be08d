import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { checkContent } from './content.ts';
import { encoding, ws } from './inputs.ts';
import { editedOutput, writtenOutput } from './outputs.ts';
import { relativePath } from './paths.ts';

/** Any text: what is no hash matches no file, and is answered with FILE_CHANGED. */
const ifSha256 = z.string().optional().describe('only if the file has this hash now');

export const fsWrite = defineOperation({
  name: 'fs_write',
  aliases: ['fs.write'],
  toolset: 'sandbox',
  title: 'Write file',
  description: 'Write (create or replace) a file. Makes a workspace if none is given; it lives 1 h unused.',
  input: z.strictObject({
    ...ws,
    path: z.string().describe('relative to the workspace root'),
    content: z.string().meta({ brief: 'max 3 MiB', description: 'the whole content, at most 3 MiB decoded' }),
    encoding: encoding.default('utf8'),
    create_dirs: z.boolean().default(true).describe('make missing directories'),
    if_sha256: ifSha256,
  }),
  argumentAliases: { contents: 'content' },
  output: writtenOutput,
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  core: true,
  cli: {
    words: ['sandbox', 'write'],
    positional: 'path',
    examples: [
      `boxswain sandbox write hello.py --content 'print("hello")'`,
      'boxswain sandbox write data.csv --workspace ID < data.csv',
    ],
  },
  text: output => `Wrote ${output.bytes_written} bytes to ${output.path}`,
  async run(input, context) {
    const path = relativePath(input.path);
    checkContent(input.content, { encoding: input.encoding, path });
    const where = { mayCreate: true, tool: 'fs_write' };
    const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
    const output = await context.hub.workspaces.file(
      workspace,
      {
        kind: 'write',
        path,
        content: input.content,
        encoding: input.encoding,
        createDirs: input.create_dirs,
        ifSha256: input.if_sha256,
      },
      context,
    );
    return writtenOutput.parse({ ...output, workspace_id: workspace.id });
  },
});

export const fsEdit = defineOperation({
  name: 'fs_edit',
  aliases: ['fs.edit'],
  toolset: 'sandbox',
  title: 'Edit file',
  description: 'Edit a file: replace exact text, all edits or none. Returns the diff.',
  input: z.strictObject({
    ...ws,
    path: z.string().describe('relative to the workspace root'),
    edits: z
      .array(
        z.strictObject({
          search: z
            .string()
            .min(1)
            .meta({ brief: 'exact, unique', description: 'exact text, unique unless replace_all' }),
          replace: z.string(),
          replace_all: z.boolean().default(false),
        }),
      )
      .min(1)
      .max(100)
      .describe('texts to find and what to put in their place'),
    dry_run: z.boolean().default(false).describe('only show the diff'),
    if_sha256: ifSha256,
  }),
  output: editedOutput,
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  scope: 'sandbox:write',
  ordered: true,
  core: true,
  cli: {
    words: ['sandbox', 'edit'],
    positional: 'path',
    examples: [`boxswain sandbox edit main.py --workspace ID --edits '[{"search": "1", "replace": "2"}]'`],
  },
  async run(input, context) {
    const path = relativePath(input.path);
    const edits = input.edits.map(({ search, replace, replace_all }) => ({ search, replace, replaceAll: replace_all }));
    const where = { mayCreate: false, tool: 'fs_edit' };
    const workspace = await context.hub.workspaces.resolve(input.workspace_id, context, where);
    const output = await context.hub.workspaces.file(
      workspace,
      { kind: 'edit', path, edits, dryRun: input.dry_run, ifSha256: input.if_sha256 },
      context,
    );
    return editedOutput.parse({ ...output, workspace_id: workspace.id });
  },
});
