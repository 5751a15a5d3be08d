import { z } from 'zod';

/** Requests on files. `read` and `list` never wait; `write` and `edit` wait until all accepted earlier has started. */
export const fileRequestSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('read'),
    path: z.string(),
    offset: z.number(),
    limit: z.number(),
    encoding: z.enum(['utf8', 'base64']),
  }),
  z.object({
    kind: z.literal('list'),
    path: z.string(),
    recursive: z.boolean(),
    glob: z.string().optional(),
    limit: z.number(),
    after: z.string().optional(),
  }),
  z.object({
    kind: z.literal('write'),
    path: z.string(),
    content: z.string(),
    encoding: z.enum(['utf8', 'base64']),
    createDirs: z.boolean(),
    ifSha256: z.string().optional(),
  }),
  z.object({
    kind: z.literal('edit'),
    path: z.string(),
    edits: z.array(z.object({ search: z.string(), replace: z.string(), replaceAll: z.boolean() })),
    dryRun: z.boolean(),
    ifSha256: z.string().optional(),
  }),
  /** The whole file as a blob. */
  z.object({ kind: z.literal('collect'), path: z.string() }),
]);
export type FileRequest = z.output<typeof fileRequestSchema>;
