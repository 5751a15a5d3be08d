import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { encoding, ws } from './inputs.ts';
import { fileOutput, listingOutput } from './outputs.ts';
import { relativePath } from './paths.ts';

export const fsRead = defineOperation({
  name: 'fs_read',
  aliases: ['fs.read'],
  toolset: 'sandbox',
  title: 'Read file',
  description: 'Read a file, whole or by bytes.',
  input: z.strictObject({
    ...ws,
    path: z.string().describe('relative to the workspace root'),
    offset: z.int().min(0).default(0).describe('first byte to read'),
    limit: z.int().min(1).max(1_048_576).default(131_072).describe('most bytes to read'),
    encoding: encoding.default('utf8'),
  }),
  output: fileOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  core: true,
  cli: {
    words: ['sandbox', 'read'],
    positional: 'path',
    examples: ['boxswain sandbox read main.py --workspace ID', 'boxswain sandbox read photo.png --encoding base64'],
  },
  text: output =>
    output.truncated
      ? [
          output.content,
          `Read ${output.bytes_read} of ${output.size_bytes} bytes. To continue call fs_read with offset: ${output.next_offset}.`,
        ]
      : output.content,
  async run({ workspace_id, path, ...slice }, context) {
    const file = { kind: 'read' as const, path: relativePath(path), ...slice };
    const where = { mayCreate: false, tool: 'fs_read' };
    const workspace = await context.hub.workspaces.resolve(workspace_id, context, where);
    const output = await context.hub.workspaces.file(workspace, file, context);
    return fileOutput.parse({ ...output, workspace_id: workspace.id });
  },
});

export const fsList = defineOperation({
  name: 'fs_list',
  aliases: ['fs.list'],
  toolset: 'sandbox',
  title: 'List files',
  description: 'List a directory, sorted by path.',
  input: z.strictObject({
    ...ws,
    path: z.string().default('').describe('directory, relative to the workspace root'),
    recursive: z.boolean().default(false).describe('directories within it as well'),
    glob: z.string().min(1).max(1024).optional().describe('only paths that match, such as **/*.py'),
    limit: z.int().min(1).max(10_000).default(1000).describe('most entries to return'),
    cursor: z.string().max(8192).optional().describe('next_cursor of the page before'),
  }),
  argumentAliases: { pattern: 'glob' },
  output: listingOutput,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  scope: 'sandbox:read',
  core: true,
  cli: {
    words: ['sandbox', 'ls'],
    positional: 'path',
    examples: ['boxswain sandbox ls --workspace ID', `boxswain sandbox ls src --recursive --glob '*.py'`],
  },
  text(output, { recursive }) {
    const lines = output.entries.map(
      entry => `${recursive ? entry.path : entry.name} (${entry.type}, ${entry.size_bytes} bytes)`,
    );
    if (!output.truncated) return lines.join('\n');
    return [
      lines.join('\n'),
      `Showing ${lines.length} of ${output.total_count} entries. To continue call fs_list with cursor: ${JSON.stringify(output.next_cursor)}.`,
    ];
  },
  async run({ workspace_id, path, cursor, ...rest }, context) {
    const file = { kind: 'list' as const, path: relativePath(path), after: cursor, ...rest };
    const where = { mayCreate: false, tool: 'fs_list' };
    const workspace = await context.hub.workspaces.resolve(workspace_id, context, where);
    const output = await context.hub.workspaces.file(workspace, file, context);
    return listingOutput.parse({ ...output, workspace_id: workspace.id });
  },
});
