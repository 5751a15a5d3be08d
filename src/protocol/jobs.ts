import { z } from 'zod';
import { json } from './json.ts';

const env = z.record(z.string(), z.string());

/**
 * What runs one at a time in a workspace. `allow` names hosts that this call alone may reach through the proxy.
 * Outputs are those of the operations, see `operations/sandbox`.
 */
export const jobSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('python'),
    code: z.string().optional(),
    file: z.string().optional(),
    args: z.array(z.string()),
    stdin: z.string().optional(),
    env,
    context: z.string().optional(),
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('command'),
    command: z.union([z.string(), z.array(z.string())]),
    cwd: z.string(),
    stdin: z.string().optional(),
    env,
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('packages'),
    manager: z.enum(['python', 'node']),
    packages: z.array(z.string()),
    upgrade: z.boolean(),
    noDeps: z.boolean(),
    indexUrl: z.string().optional(),
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('test'),
    framework: z.enum(['auto', 'pytest', 'unittest', 'vitest', 'jest', 'node']),
    path: z.string().optional(),
    args: z.array(z.string()),
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('lint'),
    tools: z.array(z.enum(['ruff', 'mypy', 'eslint', 'tsc'])).optional(),
    paths: z.array(z.string()),
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('git_clone'),
    url: z.string(),
    path: z.string().optional(),
    branch: z.string().optional(),
    depth: z.number(),
    timeoutSeconds: z.number(),
  }),
  z.object({
    kind: z.literal('git_commit'),
    message: z.string(),
    path: z.string(),
    add: z.array(z.string()).optional(),
    authorName: z.string().optional(),
    authorEmail: z.string().optional(),
    timeoutSeconds: z.number(),
  }),
  /** `parent` lets unchanged content be named instead of stored again. */
  z.object({ kind: z.literal('checkpoint'), parent: z.string().nullable() }),
  /** `env`, where given, is the workspace's environment from then on: a checkpoint holds that too. */
  z.object({ kind: z.literal('restore'), manifest: z.string(), env: env.optional() }),
]);
export type Job = z.output<typeof jobSchema>;
export type JobOf<Kind extends Job['kind']> = Extract<Job, { kind: Kind }>;

/** A regular file under `artifacts/` that is new or changed; its bytes are in the blobs. */
export const collectedArtifactSchema = z.object({
  path: z.string(),
  sha256: z.string(),
  sizeBytes: z.number(),
  contentType: z.string(),
});
export type CollectedArtifact = z.output<typeof collectedArtifactSchema>;

/** What a checkpoint job puts out. */
export const checkpointOutputSchema = z.object({
  manifest: z.string(),
  packs: z.array(z.string()),
  sizeBytes: z.number(),
  fileCount: z.number(),
  sha256: z.string(),
  installedPackages: z.array(z.string()),
});
export type CheckpointOutput = z.output<typeof checkpointOutputSchema>;

const jsonObject = z.record(z.string(), json);

export const errorShapeSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()),
});

/** How a job ended. `fullOutput` are blobs of streams that were cut in `output`. */
export const outcomeSchema = z.object({
  sequence: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number(),
  generation: z.number(),
  artifacts: z.array(collectedArtifactSchema),
  fullOutput: z.record(z.string(), collectedArtifactSchema),
  end: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('completed'), output: jsonObject }),
    z.object({ kind: z.literal('failed'), error: errorShapeSchema }),
    z.object({ kind: z.literal('cancelled'), reason: z.string() }),
  ]),
});
export type Outcome = z.output<typeof outcomeSchema>;
