import { z } from 'zod';

/**
 * Output schemas name what a client may rely on and a model looks for. Objects are loose, so that a field added later breaks no
 * client that has cached the list; fields that a worker sends and an operation only passes on are checked here as well. The whole
 * shapes are in `views.ts`.
 */
const text = z.string();
const int = z.int();
const flag = z.boolean();
const cursor = z.string().nullable();

export const workspaceOutput = z.looseObject({ workspace_id: text, state: text });
export const workspaceListOutput = z.looseObject({ workspaces: z.array(workspaceOutput), next_cursor: cursor });
export const workspacesOutput = z.looseObject({ workspaces: z.array(workspaceOutput) });
export const deletedOutput = z.looseObject({ deleted: flag, checkpoint_id: text.nullable() });
export const checkpointOutput = z.looseObject({ checkpoint_id: text });

export const fileOutput = z.looseObject({
  content: text,
  size_bytes: int,
  bytes_read: int,
  truncated: flag,
  next_offset: int.nullable(),
  sha256: text,
});
export const writtenOutput = z.looseObject({ path: text, bytes_written: int, sha256: text });
export const editedOutput = z.looseObject({ replacements: int, diff: text, sha256: text });
export const listingOutput = z.looseObject({
  entries: z.array(z.looseObject({ name: text, path: text, type: text, size_bytes: int })),
  total_count: int,
  truncated: flag,
  next_cursor: cursor,
});

/** What a job puts out is there once it has ended; before that `status` and `task_id` tell where it is. */
const job = { status: text, task_id: text.optional() };

export const runOutput = z.looseObject({ ...job, exit_code: int.nullable(), stdout: text, stderr: text });
export const packagesOutput = z.looseObject({
  ...job,
  installed: z.array(z.looseObject({ name: text, version: text })).optional(),
});
export const testsOutput = z.looseObject({
  ...job,
  passed: int.optional(),
  failed: int.optional(),
  failures: z.array(z.looseObject({ id: text, message: text })).optional(),
});
export const lintOutput = z.looseObject({
  ...job,
  diagnostics: z.array(z.looseObject({ file: text, line: int.nullable(), message: text })).optional(),
});
export const cloneOutput = z.looseObject({ ...job, path: text.optional(), commit: text.optional() });
export const commitOutput = z.looseObject({ commit: text.optional() });

export const artifactOutput = z.looseObject({ artifact_id: text, download_url: text });
export const artifactListOutput = z.looseObject({ artifacts: z.array(artifactOutput), next_cursor: cursor });
export const artifactContentOutput = z.looseObject({
  artifact_id: text,
  content_type: text,
  data: text,
  encoding: text,
  next_offset: int.nullable(),
});

export const taskOutput = z.looseObject({ task_id: text, status: text });
export const taskListOutput = z.looseObject({ tasks: z.array(taskOutput), next_cursor: cursor });
export const taskResultOutput = z.looseObject({ status: text, done: flag, result: z.looseObject({}).nullable() });
export const taskCancelOutput = z.looseObject({ cancelled: flag, status: text });
