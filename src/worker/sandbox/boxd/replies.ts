import { z } from 'zod';

/** Frames of boxd. The box may have been taken over, so nothing in them is believed unseen. */
export const replyHeaderSchema = z.object({
  id: z.int().optional(),
  ok: z.unknown().optional(),
  error: z
    .object({
      code: z.string().max(64),
      message: z.string().max(8192),
      hint: z.string().max(1024).optional(),
      details: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  seq: z.int().optional(),
  stream: z.enum(['stdout', 'stderr']).optional(),
  entries: z.literal(true).optional(),
  ack: z.int().optional(),
  fatal: z.unknown().optional(),
});
export type ReplyHeader = z.output<typeof replyHeaderSchema>;

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const digits = z.string().regex(/^-?\d{1,20}$/);
const path = z.string().max(65_536);

export const helloReply = z.object({ protocol: z.literal(1), python: z.string().max(64) });

export const runReply = z.object({
  exitCode: z.int().min(0).max(255).nullable(),
  signal: z.string().max(32).nullable(),
  timedOut: z.boolean(),
  cancelled: z.boolean(),
  outputExceeded: z.boolean(),
  diskFull: z.boolean(),
  mayHaveArtifacts: z.boolean(),
  durationMs: z.number().nonnegative(),
  result: z.string().max(262_144).optional(),
  limitHit: z.enum(['oom', 'pids']).optional(),
  /** Where the next cell of the context may be sent. */
  lane: z.object({ index: count, key: z.string().regex(/^[0-9a-f]{32}$/) }).optional(),
});
export type RunReply = z.output<typeof runReply>;

/** How a cell ended, as its context says it: an exit code, or the negative number of a signal. */
export const cellAnswer = z.object({ exit: z.int().min(-64).max(255), result: z.string().max(262_144).optional() });

export const talkReply = runReply.pick({ exitCode: true, signal: true, limitHit: true });

export const namesReply = z.object({ names: z.array(z.string()) });

export const readReply = z.object({ path, sizeBytes: count, sha256, modifiedAtMs: z.number() });

export const listReply = z.object({
  path,
  entries: z.array(
    z.object({
      name: path,
      path,
      type: z.enum(['file', 'dir', 'symlink', 'other']),
      sizeBytes: count,
      modifiedAtMs: z.number(),
    }),
  ),
  totalCount: count,
  nextAfter: path.nullable(),
});

export const writeReply = z.object({ bytesWritten: count, created: z.boolean(), sha256 });

export const editReply = z.object({
  replacements: count,
  bytesWritten: count,
  sha256,
  diff: z.string().max(20_000),
});

export const scannedFiles = z.array(z.object({ path, sizeBytes: count, modifiedAtNs: digits, inode: z.number() }));

export const scanReply = z.object({ files: scannedFiles });

export const manifestEntries = z.array(
  z.object({
    root: z.enum(['workspace', 'env']),
    path,
    type: z.enum(['file', 'dir', 'symlink']),
    mode: z.int().min(0).max(0o1777),
    modifiedAtNs: digits,
    sizeBytes: count,
    sha256: sha256.optional(),
    target: path.optional(),
  }),
);

export const manifestReply = z.object({ installedPackages: z.array(z.string()) });

export const diskReply = z.object({ usedBytes: count, freeBytes: count });

export const emptyReply = z.object({});
