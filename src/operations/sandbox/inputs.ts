import { z } from 'zod';

/**
 * Arguments that several operations share. A description is for the command line and the docs; a model, which pays for every
 * character of the list, is shown only what `brief` says beside the name.
 */
/** Any text: what is no handle is answered like a workspace that does not exist. */
export const workspaceId = z.string().describe('handle of the workspace, as an earlier call returned it');
export const ws = { workspace_id: workspaceId.optional() };

export const idem = {
  idempotency_key: z.string().min(1).max(128).optional().describe('a repeat with the same key gets the first answer'),
};

export const page = {
  limit: z.int().min(1).max(200).default(50).describe('most entries to return'),
  cursor: z.string().optional().describe('next_cursor of the page before'),
};

export const encoding = z.enum(['utf8', 'base64']).describe('how bytes are written as text');

/**
 * `timeout_seconds` has no default of zod's own: a call that names none is held to the workspace's wall_seconds, a call that
 * names more is refused. The JSON Schema tells the usual value.
 */
export const wait = (timeoutSeconds: number) => ({
  timeout_seconds: z
    .int()
    .min(1)
    .max(3600)
    .optional()
    .meta({ default: timeoutSeconds, description: 'seconds after which the work is stopped' }),
  wait_seconds: z
    .int()
    .min(0)
    .max(300)
    .default(45)
    .meta({ brief: 'then returns task_id', description: 'seconds after which the call answers with a task_id' }),
});

const MAX_ENTRIES = 100;
const MAX_MAP_BYTES = 32 * 1024;

/** A map of string to string: at most 100 entries, 32 KiB in all. */
export const stringMap = z.record(z.string(), z.string()).check(({ value, issues }) => {
  const entries = Object.entries(value);
  const bytes = entries.reduce((sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0);
  const fits = entries.length <= MAX_ENTRIES && bytes <= MAX_MAP_BYTES;
  if (!fits) issues.push({ code: 'custom', input: value, message: 'must have at most 100 entries and 32 KiB in all' });
});

/** Variables of the environment; what no process can be given is refused here. */
export const env = stringMap.check(({ value, issues }) => {
  for (const [name, text] of Object.entries(value)) {
    if (name !== '' && !/[=\0]/.test(name) && !text.includes('\0')) continue;
    issues.push({ code: 'custom', input: value, message: 'must have names without "=", and no NUL characters' });
    return;
  }
});

/** A word of a command line: a NUL ends a C string, so none can be passed. */
export const word = z.string().refine(text => !text.includes('\0'), 'must not hold a NUL character');
export const words = z.array(word).describe('further words of the command line');
