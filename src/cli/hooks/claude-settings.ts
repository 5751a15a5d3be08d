import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { withItem, withMember, withoutItem, withoutMember } from './json-edit.ts';

// What `boxswain sessions hooks` writes into the settings of Claude Code. Headers of hooks name a variable, and Claude Code takes
// variables from its environment and from `env` of these settings.

export const TOKEN_VARIABLE = 'BOXSWAIN_HOOK_TOKEN';
const AUTHORIZATION = `Bearer $${TOKEN_VARIABLE}`;
/** The terminal waits a little longer than the server holds a request, so that it is the server that ends it. */
const GRACE_SECONDS = 15;
const SHORT_SECONDS = 5;
/** Tools that usually ask; the use of others is seen in the transcript. */
const TOOLS = 'Bash|Edit|MultiEdit|Write|NotebookEdit|WebFetch|WebSearch|mcp__.*';

const hookSchema = z.looseObject({
  type: z.string().optional(),
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  timeout: z.number().optional(),
});
const groupSchema = z.looseObject({ hooks: z.array(hookSchema.catch({})).catch([]) });
const settingsSchema = z.looseObject({
  env: z.looseObject({}).optional(),
  hooks: z.record(z.string(), z.array(groupSchema.catch({ hooks: [] }))).optional(),
  disableAllHooks: z.boolean().optional().catch(undefined),
});
type Settings = z.output<typeof settingsSchema>;

export interface Wanted {
  readonly url: string;
  readonly holdSeconds: number;
  /** Undefined: whoever starts Claude Code has it in the environment. */
  readonly token: string | undefined;
}

export interface Installed {
  /** Where the hooks go; several where others were added by hand. */
  readonly urls: readonly string[];
  readonly events: readonly string[];
  readonly token: string | undefined;
  readonly holdSeconds: number;
}

/** Throws AppError VALIDATION_ERROR where the file is nothing that could be changed. */
export function readSettings(text: string): Settings {
  const parsed = settingsSchema.safeParse(parsedOr(text));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new AppError(
    'VALIDATION_ERROR',
    `the settings of Claude Code hold something unexpected${where && ` at ${where}`}`,
    {
      hint: 'correct the file, or move it away; it was not changed',
    },
  );
}

/** The text with our hooks in place of any of ours that are there; all else stays as it is. */
export function withHooks(text: string, wanted: Wanted): string {
  let changed = withoutHooks(text);
  if (wanted.token !== undefined) changed = withMember(changed, ['env', TOKEN_VARIABLE], wanted.token);
  for (const [event, group] of groupsOf(wanted)) changed = withItem(changed, ['hooks', event], group);
  return changed;
}

/** The text without our hooks, and without what they alone needed. */
export function withoutHooks(text: string): string {
  let changed = text;
  for (const [event, groups] of Object.entries(readSettings(text).hooks ?? {})) {
    const ours = groups.flatMap(({ hooks }, at) => (hooks.length > 0 && hooks.every(isOurs) ? [at] : []));
    if (ours.length === 0) continue;
    if (ours.length === groups.length) changed = withoutMember(changed, ['hooks', event]);
    else for (const at of ours.toReversed()) changed = withoutItem(changed, ['hooks', event], at);
  }
  const { hooks, env } = readSettings(changed);
  if (hooks !== undefined && Object.keys(hooks).length === 0 && changed !== text)
    changed = withoutMember(changed, ['hooks']);
  if (env === undefined || !(TOKEN_VARIABLE in env)) return changed;
  return withoutMember(changed, Object.keys(env).length === 1 ? ['env'] : ['env', TOKEN_VARIABLE]);
}

/** Undefined: none of ours are there. */
export function installedIn(text: string): Installed | undefined {
  const { hooks = {}, env = {} } = readSettings(text);
  const found = Object.entries(hooks).flatMap(([event, groups]) =>
    groups.flatMap(group => group.hooks.filter(isOurs).map(({ url = '', timeout = 0 }) => ({ event, url, timeout }))),
  );
  if (found.length === 0) return undefined;
  const token = env[TOKEN_VARIABLE];
  return {
    urls: [...new Set(found.map(({ url }) => url))],
    events: [...new Set(found.map(({ event }) => event))],
    token: typeof token === 'string' ? token : undefined,
    holdSeconds: (found.find(({ event }) => event === 'PermissionRequest')?.timeout ?? 0) - GRACE_SECONDS,
  };
}

/** What is added, as it is shown before: the secret is not part of it. */
export function shownChange(wanted: Wanted): string {
  const hooks = Object.fromEntries(groupsOf(wanted).map(([event, group]) => [event, [group]]));
  const env = { [TOKEN_VARIABLE]: '(the secret of the token file)' };
  return JSON.stringify({ ...(wanted.token !== undefined && { env }), hooks }, null, 2);
}

function groupsOf({ url, holdSeconds }: Wanted): [event: string, group: object][] {
  const hook = (timeout: number) => ({
    type: 'http',
    url,
    headers: { Authorization: AUTHORIZATION },
    allowedEnvVars: [TOKEN_VARIABLE],
    timeout,
  });
  const short = { hooks: [hook(SHORT_SECONDS)] };
  return [
    ['PermissionRequest', { hooks: [hook(holdSeconds + GRACE_SECONDS)] }],
    ['PostToolUse', { matcher: TOOLS, ...short }],
    ['PostToolUseFailure', { matcher: TOOLS, ...short }],
    ['UserPromptSubmit', short],
    ['Stop', short],
    ['SessionEnd', short],
  ];
}

const isOurs = ({ type, headers }: z.output<typeof hookSchema>): boolean =>
  type === 'http' && headers?.Authorization === AUTHORIZATION;

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
